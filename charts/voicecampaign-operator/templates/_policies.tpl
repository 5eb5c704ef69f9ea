{{/*
The admission policies (templates/policies). The parameter of every binding is the operator's ServiceAccount:
by it the policies recognize the operator. Once that ServiceAccount is deleted, leftover policies have no
effect (`parameterNotFoundAction`), so they cannot trap an object whose finalizer nobody would remove.
*/}}

{{/* The short names of all policies, as JSON. */}}
{{- define "operator.allPolicies" -}}
{{- list "finalizer" "guard" "guard-connections" "guard-secrets" "protect" | toJson -}}
{{- end -}}

{{/* The short names of the policies that this release installs, as JSON. With `selector` only `protect`: a
policy cannot tell which release an object belongs to. */}}
{{- define "operator.installedPolicies" -}}
{{- $installed := list -}}
{{- if and .Values.admissionPolicies.mutating (not .Values.selector) (include "operator.servesPolicy" (list . "MutatingAdmissionPolicy" "1.36")) -}}
{{- $installed = append $installed "finalizer" -}}
{{- end -}}
{{- if and .Values.admissionPolicies.validating (include "operator.servesPolicy" (list . "ValidatingAdmissionPolicy" "1.30")) -}}
{{- $installed = concat $installed (ternary (list "protect") (list "guard" "guard-connections" "guard-secrets" "protect") (not (empty .Values.selector))) -}}
{{- end -}}
{{- toJson $installed -}}
{{- end -}}

{{/* Whether the cluster serves a kind of policy; not empty if it does. Takes the context, the kind, and the
version of Kubernetes that introduced it: without a cluster (helm template) helm knows the version only. */}}
{{- define "operator.servesPolicy" -}}
{{- $capabilities := (index . 0).Capabilities -}}
{{- if $capabilities.APIVersions.Has "v1/Pod" -}}
{{- if $capabilities.APIVersions.Has (printf "admissionregistration.k8s.io/v1/%s" (index . 1)) -}}yes{{- end -}}
{{- else if semverCompare (printf ">=%s-0" (index . 2)) $capabilities.KubeVersion.Version -}}yes{{- end -}}
{{- end -}}

{{/* The name of a policy in the cluster, unique to this release. Takes the context and the short name. */}}
{{- define "operator.policyName" -}}
{{- $context := index . 0 -}}
{{- printf "%s.%s.%s" (index . 1) (include "operator.fullname" $context) $context.Release.Namespace -}}
{{- end -}}

{{/* The names of several policies in the cluster, as JSON. Takes the context and their short names as JSON.
*/}}
{{- define "operator.policyNames" -}}
{{- $context := index . 0 -}}
{{- $names := list -}}
{{- range index . 1 | fromJsonArray -}}{{- $names = append $names (include "operator.policyName" (list $context .)) -}}{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Limits a policy to the namespaces that the operator watches. */}}
{{- define "operator.policyScope" -}}
{{- with .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{ toJson . }}
{{- end -}}
{{- end -}}

{{/* The `paramRef` of every binding. */}}
{{- define "operator.policyParamRef" -}}
paramRef:
  name: {{ include "operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
  parameterNotFoundAction: Allow
{{- end -}}
