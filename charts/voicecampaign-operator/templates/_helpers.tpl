{{/* Name of the chart, for labels. */}}
{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the resources: at most 52 characters, for what is put behind it; without the dots of a release's name, which a Service can't have. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "operator.selectorLabels" -}}
{{ dict
  "app.kubernetes.io/name" (include "operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/component" "operator" | toYaml }}
{{- end -}}

{{- define "operator.commonLabels" -}}
{{ merge (dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "voicecampaign-operator"
  "app.kubernetes.io/managed-by" .Release.Service
  ) .Values.commonLabels | toYaml }}
{{- end -}}

{{- define "operator.labels" -}}
{{ merge (include "operator.selectorLabels" . | fromYaml) (include "operator.commonLabels" . | fromYaml) | toYaml }}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "`serviceAccount.name` must name the ServiceAccount to use, because `serviceAccount.create` is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the operator may do with objects. Each rule names the code that needs it. */}}
{{- define "operator.rules" -}}
# The watch and the check at start (src/run); patch adds and removes the finalizer remote-campaign (src/campaign/act.rs).
- apiGroups: [voicecampaign.dev]
  resources: [voicecampaigns]
  verbs: [get, list, watch, patch]
# The status of a campaign (src/campaign/act.rs).
- apiGroups: [voicecampaign.dev]
  resources: [voicecampaigns/status]
  verbs: [patch]
# The watch of connections (src/run), and reads where the cache lags behind; patch puts the finalizer in-use on and takes it off
# (src/connection/keep.rs).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections]
  verbs: [get, list, watch, patch]
# The status of a connection (src/connection/reconcile.rs).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections/status]
  verbs: [patch]
# The credentials, by name, when a campaign needs them (src/connection/resolve.rs), and the finalizer in-use on them
# (src/connection/keep.rs). Never list or watch.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, patch]
# Events (src/kube_ext/events.rs); patch counts a repeated one.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
