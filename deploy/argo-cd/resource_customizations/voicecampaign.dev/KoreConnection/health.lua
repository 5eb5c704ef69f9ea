-- Conditions as in kstatus: Ready is always present, Reconciling and Stalled only while true.
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not seen this version of the resource yet"}
end
local ready, stalled
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" then
    stalled = condition
  end
end
if ready == nil then
  return {status = "Progressing", message = "The operator has not looked at the connection yet"}
end
if ready.status == "True" then
  return {status = "Healthy", message = ready.message}
end
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = ready.message}
end
return {status = "Progressing", message = ready.message}
