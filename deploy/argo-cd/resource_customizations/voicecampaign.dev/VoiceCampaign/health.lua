-- Conditions as in kstatus: Ready is always present, Reconciling and Stalled only while true. Argo CD does not run this
-- script for an object that is being deleted, and shows "Pending deletion". Its conditions and events say why it waits.
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not seen this version of the resource yet"}
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready
if ready == nil then
  return {status = "Progressing", message = "The operator has not looked at the campaign yet"}
end
if obj.spec.suspend == true then
  return {status = "Suspended", message = ready.message}
end
if ready.status == "True" then
  return {status = "Healthy", message = ready.message}
end
if conditions.Stalled ~= nil and conditions.Stalled.status == "True" then
  return {status = "Degraded", message = ready.message}
end
if conditions.Reconciling ~= nil and conditions.Reconciling.status == "True" then
  return {status = "Progressing", message = ready.message}
end
if ready.status == "False" then
  return {status = "Degraded", message = ready.message}
end
return {status = "Progressing", message = ready.message}
