{{/* Whether the uninstall Job gets a ServiceAccount and rights of its own; not empty if it does. */}}
{{- define "operator.uninstallHasRights" -}}
{{- if and .Values.rbac.create .Values.serviceAccount.create -}}
yes
{{- else if ne .Values.uninstall.onRemaining "refuse" -}}
{{- fail (printf "`uninstall.onRemaining` must be refuse while `rbac.create` or `serviceAccount.create` is false: %s needs a ServiceAccount and rights that the chart creates" .Values.uninstall.onRemaining) -}}
{{- end -}}
{{- end -}}

{{/* Whether the uninstall deletes admission policies; not empty if it does. */}}
{{- define "operator.uninstallHasPolicies" -}}
{{- if or .Values.admissionPolicies.mutating .Values.admissionPolicies.validating -}}yes{{- end -}}
{{- end -}}

{{/* The labels and annotations of an object of the pre-delete hook. Takes the context and the hook's weight.
*/}}
{{- define "operator.uninstallHook" -}}
labels:
  {{- include "operator.commonLabels" (index . 0) | nindent 2 }}
annotations:
  helm.sh/hook: pre-delete
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- if (index . 0).Values.uninstall.showLog }}
  helm.sh/hook-output-log-policy: hook-failed
  {{- end }}
{{- end -}}
