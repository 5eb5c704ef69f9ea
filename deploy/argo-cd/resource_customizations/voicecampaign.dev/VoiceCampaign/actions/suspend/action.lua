-- Also while the object is being deleted: the operator then sends no DELETE to Kore until *resume*.
obj.spec.suspend = true
return obj
