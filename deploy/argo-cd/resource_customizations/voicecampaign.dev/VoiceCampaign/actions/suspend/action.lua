-- Also while it is being deleted: then Kore is not asked to delete the campaign until it is resumed.
obj.spec.suspend = true
return obj
