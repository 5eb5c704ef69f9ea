{{/* The image of every Pod. */}}
{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default (include "operator.labelValue" .Chart.AppVersion) .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The scheduling and DNS fields of every Pod. */}}
{{- define "operator.scheduling" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The same fields for a Pod that runs once, for the uninstall and for `helm test`. Of `affinity` it takes
the nodeAffinity only: the rules between Pods are for replicas. */}}
{{- define "operator.runOnceScheduling" -}}
{{- include "operator.scheduling" . }}
{{- with (default dict .Values.affinity).nodeAffinity }}
affinity:
  nodeAffinity:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}

{{/* The annotations of a Pod that runs once. `uninstall.podAnnotations` take precedence over
`podAnnotations`. */}}
{{- define "operator.runOnceAnnotations" -}}
{{- merge dict (default dict .Values.uninstall.podAnnotations) (default dict .Values.podAnnotations) | toYaml -}}
{{- end -}}

{{/* A proxy's address as an environment variable. Takes `variable`, its name; `address` or `secret`, a key of
a Secret that has the address; and `value`, the name in values.yaml under `proxy`. */}}
{{- define "operator.proxy" -}}
{{- if and .address .secret -}}
{{- fail (printf "`proxy.%s` and `proxy.%sFromSecret` must not both be set" .value .value) -}}
{{- else if .address }}
- name: {{ .variable }}
  value: {{ .address | quote }}
{{- else if .secret }}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      {{- toYaml .secret | nindent 6 }}
{{- end -}}
{{- end -}}
