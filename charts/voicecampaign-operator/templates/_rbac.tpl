{{/* The operator's rights to objects, in all namespaces or in those of `watchNamespaces`. Each rule names the
code that needs it. */}}
{{- define "operator.rules" -}}
# The watch and the check at start (src/run); patch adds and removes the finalizer remote-campaign
# (src/campaign/act/).
- apiGroups: [voicecampaign.dev]
  resources: [voicecampaigns]
  verbs: [get, list, watch, patch]
# The status of a campaign (src/campaign/act/).
- apiGroups: [voicecampaign.dev]
  resources: [voicecampaigns/status]
  verbs: [patch]
# The watch of connections (src/run), and reads where the cache lags behind; patch adds and removes the
# finalizer in-use (src/connection/keep/).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections]
  verbs: [get, list, watch, patch]
# The status of a connection (src/connection/controller/).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections/status]
  verbs: [patch]
# The credentials, by name, when a campaign needs them (src/connection/lookup/), and the finalizer in-use
# on their Secret (src/connection/keep/). Never list or watch.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, patch]
# Events (src/kube_ext/events.rs); patch counts a repeated one.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* The name of the RoleBindings that the operator puts its finalizer on: the chart's, or the user's own,
which ROLE_BINDING in `extraEnv` names. Empty if the operator's rights rest on no RoleBinding that outlives
its role. */}}
{{- define "operator.roleBinding" -}}
{{- if not .Values.watchNamespaces -}}
{{- else if not .Values.rbac.create -}}
{{- range .Values.extraEnv -}}{{- if eq .name "ROLE_BINDING" -}}{{- default "" .value -}}{{- end -}}{{- end -}}
{{- else if .Values.rbac.clusterRoles -}}
{{- include "operator.fullname" . -}}
{{- end -}}
{{- end -}}

{{/* The namespaces of `watchNamespaces` that objects can be created in, as JSON: on an upgrade, those that
are not being deleted. Looked up once per upgrade, for all templates: a namespace whose deletion begins
meanwhile must not be in one manifest and missing in another. */}}
{{- define "operator.livingNamespaces" -}}
{{- if not (hasKey . "livingNamespaces") -}}
{{- $before := list -}}
{{- if .Release.IsUpgrade -}}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace (include "operator.fullname" .) -}}
{{- if $deployment -}}
{{- $before = include "operator.namespacesOf" (include "operator.environment" $deployment | fromJson).WATCH_NAMESPACES | fromJsonArray -}}
{{- end -}}
{{- end -}}
{{- $living := list -}}
{{- range .Values.watchNamespaces -}}
{{- if not (and (has . $before) (include "operator.isTerminating" (list $ .))) -}}{{- $living = append $living . -}}{{- end -}}
{{- end -}}
{{- $_ := set . "livingNamespaces" $living -}}
{{- end -}}
{{- toJson .livingNamespaces -}}
{{- end -}}

{{/* Whether a watched namespace is being deleted; not empty if it is. The API server refuses to create
anything there, and deletes the operator's RoleBinding there last. The namespace is read only where that
RoleBinding is missing or being deleted: not every user who upgrades may read namespaces, and a forbidden
lookup fails the upgrade. Takes the context and the namespace. */}}
{{- define "operator.isTerminating" -}}
{{- $binding := lookup "rbac.authorization.k8s.io/v1" "RoleBinding" (index . 1) (include "operator.fullname" (index . 0)) -}}
{{- if or (not $binding) (dig "metadata" "deletionTimestamp" "" $binding) -}}
{{- if dig "metadata" "deletionTimestamp" "" (lookup "v1" "Namespace" "" (index . 1)) -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* The environment variables of an operator's Deployment, as a JSON object. */}}
{{- define "operator.environment" -}}
{{- $env := dict -}}
{{- range (index .spec.template.spec.containers 0).env -}}{{- $_ := set $env .name (default "" .value) -}}{{- end -}}
{{- toJson $env -}}
{{- end -}}

{{/* The namespaces of a comma-separated list, as JSON. */}}
{{- define "operator.namespacesOf" -}}
{{- without (splitList "," (default "" .)) "" | toJson -}}
{{- end -}}
