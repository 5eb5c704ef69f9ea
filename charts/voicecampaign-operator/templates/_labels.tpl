{{/* Turns a text into a value that a label and an image tag may have: the `+` of 0.1.0+g123 is not allowed in
either, and an alias of the chart may end with any character. */}}
{{- define "operator.labelValue" -}}
{{- regexReplaceAll "^[^A-Za-z0-9]+|[^A-Za-z0-9]+$" (regexReplaceAll "[^A-Za-z0-9._-]" . "_" | trunc 63) "" -}}
{{- end -}}

{{/* The labels that select the operator's Pods. Immutable: the Deployment's selector has them. */}}
{{- define "operator.selectorLabels" -}}
{{ dict
  "app.kubernetes.io/name" (include "operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/component" "operator" | toYaml }}
{{- end -}}

{{/* The labels of every resource. */}}
{{- define "operator.commonLabels" -}}
{{ merge (dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | include "operator.labelValue")
  "app.kubernetes.io/name" (include "operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" (include "operator.labelValue" .Chart.AppVersion)
  "app.kubernetes.io/part-of" "voicecampaign-operator"
  "app.kubernetes.io/managed-by" .Release.Service
  ) (default dict .Values.commonLabels) | toYaml }}
{{- end -}}

{{/* The labels of the operator's own resources. */}}
{{- define "operator.labels" -}}
{{ merge (include "operator.selectorLabels" . | fromYaml) (include "operator.commonLabels" . | fromYaml) | toYaml }}
{{- end -}}
