local suspended = obj.spec.suspend == true
local terminating = obj.metadata.deletionTimestamp ~= nil
return {
  refresh = {disabled = suspended or terminating},
  suspend = {disabled = suspended},
  resume = {disabled = not suspended},
}
