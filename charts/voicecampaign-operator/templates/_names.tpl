{{/* Turns a text into a name that any resource may have, also a Service (no dots). At most 52 characters,
which leaves room for a suffix. */}}
{{- define "operator.nameOf" -}}
{{- regexReplaceAll "^-+|-+$" (regexReplaceAll "[^a-z0-9-]" (lower .) "-" | trunc 52) "" -}}
{{- end -}}

{{/* The chart's name, as a label value. */}}
{{- define "operator.name" -}}
{{- include "operator.labelValue" (default .Chart.Name .Values.nameOverride) -}}
{{- end -}}

{{/* The name of the resources. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . | lower -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- /* The chart's name is left out where the release's name has it already. Under an alias, both must be
equal: the name of one release may contain several aliases, and each needs names of its own. */ -}}
{{- $has := or (eq $name .Release.Name) (and (eq .Chart.Name "voicecampaign-operator") (contains $name .Release.Name)) -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) $has -}}
{{- include "operator.nameOf" $full -}}
{{- end -}}
{{- end -}}

{{/* The name of the operator's ServiceAccount. */}}
{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "`serviceAccount.name` must name an existing ServiceAccount, because `serviceAccount.create` is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The name of the operator's ClusterRole. With `watchNamespaces` it ends with the release's namespace: then
several releases of the same name can have a ClusterRole each. */}}
{{- define "operator.clusterRoleName" -}}
{{- $name := include "operator.fullname" . -}}
{{- if .Values.watchNamespaces -}}{{- printf "%s.%s" $name .Release.Namespace -}}{{- else -}}{{- $name -}}{{- end -}}
{{- end -}}
