-- The operator observes the campaign when this annotation has a new value.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["voicecampaign.dev/refresh-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
