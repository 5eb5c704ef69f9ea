{{/* A text as a value of a label or as a tag of an image may be: `0.1.0+g123` has a `+`, an alias may end with anything. */}}
{{- define "operator.labelValue" -}}
{{- regexReplaceAll "^[^A-Za-z0-9]+|[^A-Za-z0-9]+$" (regexReplaceAll "[^A-Za-z0-9._-]" . "_" | trunc 63) "" -}}
{{- end -}}

{{/* A text as the name of any resource may be, a Service's without dots included: at most 52 characters, for what is put behind it. */}}
{{- define "operator.nameOf" -}}
{{- regexReplaceAll "^-+|-+$" (regexReplaceAll "[^a-z0-9-]" (lower .) "-" | trunc 52) "" -}}
{{- end -}}

{{/* Name of the chart, for labels. */}}
{{- define "operator.name" -}}
{{- include "operator.labelValue" (default .Chart.Name .Values.nameOverride) -}}
{{- end -}}

{{/* Name of the resources. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . | lower -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- /* The name of a release may have those of several aliases in it: only what it is as a whole, or the chart's own name, needs no repetition. */ -}}
{{- $has := or (eq $name .Release.Name) (and (eq .Chart.Name "voicecampaign-operator") (contains $name .Release.Name)) -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) $has -}}
{{- include "operator.nameOf" $full -}}
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
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | include "operator.labelValue")
  "app.kubernetes.io/name" (include "operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" (include "operator.labelValue" .Chart.AppVersion)
  "app.kubernetes.io/part-of" "voicecampaign-operator"
  "app.kubernetes.io/managed-by" .Release.Service
  ) (default dict .Values.commonLabels) | toYaml }}
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

{{/* Where a Pod of the release may run, and how it resolves names. */}}
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

{{/* The same for a Pod that is no replica: what the replicas have with each other does not count for it. */}}
{{- define "operator.schedulingOfOne" -}}
{{- include "operator.scheduling" . }}
{{- with (default dict .Values.affinity).nodeAffinity }}
affinity:
  nodeAffinity:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}

{{/* A proxy as a variable of the environment. Takes its name, its value, the key of a Secret, and their name in the values. */}}
{{- define "operator.proxy" -}}
{{- if and .address .secret -}}
{{- fail (printf "`proxy.%s` and `proxy.%sFromSecret` must not both be set" .value .value) -}}
{{- else if .address }}
- name: {{ .name }}
  value: {{ .address | quote }}
{{- else if .secret }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      {{- toYaml .secret | nindent 6 }}
{{- end -}}
{{- end -}}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default (include "operator.labelValue" .Chart.AppVersion) .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Name of the operator's ClusterRole: of this release, among those of the cluster, where it is bound in some namespaces only. */}}
{{- define "operator.clusterRoleName" -}}
{{- $name := include "operator.fullname" . -}}
{{- if .Values.watchNamespaces -}}{{- printf "%s.%s" $name .Release.Namespace -}}{{- else -}}{{- $name -}}{{- end -}}
{{- end -}}

{{/* Whether a selector selects labels: yes, no, or nothing if this template does not understand it. Takes the selector and the labels. */}}
{{- define "operator.selects" -}}
{{- $labels := default dict (index . 1) -}}
{{- $key := "[A-Za-z0-9][A-Za-z0-9./_-]*" -}}
{{- $verdict := "yes" -}}
{{- range without (regexFindAll "[^,(]+([(][^)]*[)])?" (index . 0) -1) "" -}}
{{- $part := trim . -}}
{{- $name := regexFind $key $part -}}
{{- $label := get $labels $name -}}
{{- $is := "" -}}
{{- if regexMatch (printf "^%s *(==?|!=)[^=!]*$" $key) $part -}}
{{- $is = eq (and (hasKey $labels $name) (eq $label (regexReplaceAll "^.*= *" $part ""))) (not (contains "!=" $part)) | toString -}}
{{- else if regexMatch (printf "^%s +(not)?in *[(].*[)]$" $key) $part -}}
{{- $values := list -}}
{{- range splitList "," (regexFind "[(].*" $part | trimAll "()") -}}{{- $values = append $values (trim .) -}}{{- end -}}
{{- $is = eq (and (hasKey $labels $name) (has $label $values)) (regexMatch (printf "^%s +in *[(]" $key) $part) | toString -}}
{{- else if regexMatch (printf "^! *%s$" $key) $part -}}
{{- $is = not (hasKey $labels $name) | toString -}}
{{- else if regexMatch (printf "^%s$" $key) $part -}}
{{- $is = hasKey $labels $name | toString -}}
{{- end -}}
{{- if eq $is "false" -}}{{- $verdict = "no" -}}{{- else if and $part (eq $is "") (ne $verdict "no") -}}{{- $verdict = "" -}}{{- end -}}
{{- end -}}
{{- $verdict -}}
{{- end -}}

{{/* Whether an operator works for an object, as `operator.selects` says it. Takes the operator's environment and the object's metadata. */}}
{{- define "operator.caresFor" -}}
{{- $env := index . 0 -}}
{{- $metadata := index . 1 -}}
{{- $namespaces := include "operator.namespacesOf" $env.WATCH_NAMESPACES | fromJsonArray -}}
{{- if and $namespaces (not (has $metadata.namespace $namespaces)) -}}
no
{{- else -}}
{{- include "operator.selects" (list (default "" $env.SELECTOR) $metadata.labels) -}}
{{- end -}}
{{- end -}}

{{/* The environment of the operator of a Deployment, as JSON. */}}
{{- define "operator.environment" -}}
{{- $env := dict -}}
{{- range (index .spec.template.spec.containers 0).env -}}{{- $_ := set $env .name (default "" .value) -}}{{- end -}}
{{- toJson $env -}}
{{- end -}}

{{/* The environment of the operator that an upgrade replaces, as JSON. Empty for an installation, and without a cluster. */}}
{{- define "operator.environmentBefore" -}}
{{- $deployment := dict -}}
{{- if .Release.IsUpgrade -}}{{- $deployment = lookup "apps/v1" "Deployment" .Release.Namespace (include "operator.fullname" .) -}}{{- end -}}
{{- if $deployment -}}{{- include "operator.environment" $deployment -}}{{- else -}}{}{{- end -}}
{{- end -}}

{{/* Namespaces of a comma-separated list, as JSON. */}}
{{- define "operator.namespacesOf" -}}
{{- without (splitList "," (default "" .)) "" | toJson -}}
{{- end -}}

{{/* Whether a namespace that the operator works in is being deleted; not empty if it is. The API server refuses to create anything there, and
the operator's RoleBinding there goes last. A namespace is looked up only where that RoleBinding does not stand: not everybody may read
namespaces, and a lookup that is forbidden ends an upgrade. Takes the context and the namespace. */}}
{{- define "operator.isDying" -}}
{{- $binding := lookup "rbac.authorization.k8s.io/v1" "RoleBinding" (index . 1) (include "operator.fullname" (index . 0)) -}}
{{- if or (not $binding) (dig "metadata" "deletionTimestamp" "" $binding) -}}
{{- if dig "metadata" "deletionTimestamp" "" (lookup "v1" "Namespace" "" (index . 1)) -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* Namespaces of `watchNamespaces` that may have something created in them, as JSON: on an upgrade, those that are not being deleted. */}}
{{- define "operator.livingNamespaces" -}}
{{- $before := include "operator.namespacesOf" (include "operator.environmentBefore" . | fromJson).WATCH_NAMESPACES | fromJsonArray -}}
{{- $living := list -}}
{{- range .Values.watchNamespaces -}}
{{- if not (and (has . $before) (include "operator.isDying" (list $ .))) -}}{{- $living = append $living . -}}{{- end -}}
{{- end -}}
{{- toJson $living -}}
{{- end -}}

{{/* Name of the RoleBindings that the operator holds, the chart's or those of whoever brings his own; empty if there are none. */}}
{{- define "operator.roleBinding" -}}
{{- if not .Values.watchNamespaces -}}
{{- else if not .Values.rbac.create -}}
{{- range .Values.extraEnv -}}{{- if eq .name "ROLE_BINDING" -}}{{- default "" .value -}}{{- end -}}{{- end -}}
{{- else if .Values.rbac.clusterRoles -}}
{{- include "operator.fullname" . -}}
{{- end -}}
{{- end -}}

{{/* Refuses an upgrade that would leave VoiceCampaigns with nobody to let them go, or that the API server would refuse half way. Without a
cluster (helm template) nothing is known, and nothing is refused. */}}
{{- define "operator.refuseStranding" -}}
{{- $name := include "operator.fullname" . -}}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace $name -}}
{{- if and .Release.IsUpgrade (not $deployment) -}}
{{- /* Another alias in the same umbrella is another operator: it may be named kore-2. */ -}}
{{- $chart := printf "^%s-[0-9]+[.][0-9]+[.]" (regexQuoteMeta .Chart.Name) -}}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items -}}
{{- $labels := default dict .metadata.labels -}}
{{- $is := and (eq (get $labels "app.kubernetes.io/part-of") "voicecampaign-operator") (eq (get $labels "app.kubernetes.io/component") "operator") -}}
{{- if and $is (eq (get $labels "app.kubernetes.io/instance") $.Release.Name) (regexMatch $chart (get $labels "helm.sh/chart")) -}}
{{- fail (printf "the operator of this release is named %s, and an upgrade can't rename it: a second one would work beside it, with a Lease of its own, and the RoleBindings that the first one holds would stay. Leave `nameOverride` and `fullnameOverride` as they were; or uninstall the release, and install it with the new name" .metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Release.IsUpgrade $deployment -}}
{{- /* Asked only where the release has said so: not everybody may read the definitions. */ -}}
{{- if and (not .Values.crds.enabled) (hasKey (default dict $deployment.metadata.annotations) "voicecampaign.dev/definitions-not-kept") -}}
{{- $of := default dict (dig "metadata" "annotations" dict (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "voicecampaigns.voicecampaign.dev")) -}}
{{- $own := and (eq (get $of "meta.helm.sh/release-name") .Release.Name) (eq (get $of "meta.helm.sh/release-namespace") .Release.Namespace) -}}
{{- if and $own (ne (get $of "helm.sh/resource-policy") "keep") (lookup "voicecampaign.dev/v1alpha1" "VoiceCampaign" "" "").items -}}
{{- fail "`crds.enabled=false` would delete the CustomResourceDefinitions, and with them every VoiceCampaign and its campaign in Kore, because `crds.keep` is false so far: upgrade with `crds.enabled=true` and `crds.keep=true` first" -}}
{{- end -}}
{{- end -}}
{{- if ne (toJson $deployment.spec.selector.matchLabels) (include "operator.selectorLabels" . | fromYaml | toJson) -}}
{{- fail (printf "`nameOverride` can't be changed by an upgrade, because Kubernetes lets nobody change the selector of the Deployment %s: leave it as it was; or uninstall the release, and install it with the new name" $name) -}}
{{- end -}}
{{- $old := include "operator.environment" $deployment | fromJson -}}
{{- $before := include "operator.namespacesOf" $old.WATCH_NAMESPACES | fromJsonArray -}}
{{- $after := default list .Values.watchNamespaces -}}
{{- $new := dict "WATCH_NAMESPACES" (join "," $after) "SELECTOR" (default "" .Values.selector) -}}
{{- $left := list -}}
{{- $leaves := list -}}
{{- range $before -}}{{- if and $after (not (has . $after)) -}}{{- $leaves = append $leaves . -}}{{- end -}}{{- end -}}
{{- $narrowed := or $leaves (and $after (not $before)) -}}
{{- $relabelled := ne (default "" $old.SELECTOR) (default "" .Values.selector) -}}
{{- /* Without the definitions there is nothing, and a lookup would fail. */ -}}
{{- if and (or $relabelled $narrowed) (.Capabilities.APIVersions.Has "voicecampaign.dev/v1alpha1/VoiceCampaign") -}}
{{- range $kind, $finalizer := dict "VoiceCampaign" "voicecampaign.dev/remote-campaign" "KoreConnection" "voicecampaign.dev/in-use" -}}
{{- range $scope := ternary $before (list "") (gt (len $before) 0) -}}
{{- range (lookup "voicecampaign.dev/v1alpha1" $kind $scope "").items -}}
{{- if and (has $finalizer (default list .metadata.finalizers)) (ne (include "operator.caresFor" (list $old .metadata)) "no") (ne (include "operator.caresFor" (list $new .metadata)) "yes") -}}
{{- $left = append $left (dict "kind" $kind "metadata" .metadata) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* Another release may take them over. */ -}}
{{- $others := list -}}
{{- if $left -}}
{{- range (lookup "apps/v1" "Deployment" (ternary .Release.Namespace "" (gt (len $before) 0)) "").items -}}
{{- $labels := default dict .metadata.labels -}}
{{- $is := and (eq (get $labels "app.kubernetes.io/part-of") "voicecampaign-operator") (eq (get $labels "app.kubernetes.io/component") "operator") -}}
{{- /* One that is switched off, or on its way out, takes nothing over. */ -}}
{{- $works := and (gt (int .spec.replicas) 0) (not .metadata.deletionTimestamp) -}}
{{- if and $is $works (ne .metadata.uid $deployment.metadata.uid) -}}{{- $others = append $others (include "operator.environment" . | fromJson) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $stranded := list -}}
{{- range $object := $left -}}
{{- $taken := false -}}
{{- range $others -}}{{- if eq (include "operator.caresFor" (list . $object.metadata)) "yes" -}}{{- $taken = true -}}{{- end -}}{{- end -}}
{{- if not $taken -}}{{- $stranded = append $stranded (printf "%s %s/%s" $object.kind $object.metadata.namespace $object.metadata.name) -}}{{- end -}}
{{- end -}}
{{- if $stranded -}}
{{- fail (printf "`watchNamespaces` and `selector` would leave out what nobody could let go then: %s. Give them labels that `selector` selects, or have another release take them over first, which is in this namespace if `watchNamespaces` was set; or delete the VoiceCampaigns, or set their `deletionPolicy` to Orphan and delete them, and wait until they are gone" (join ", " $stranded)) -}}
{{- end -}}
{{- /* RoleBindings that the operator has held and would let go no more, and those that could not be updated. Whoever brings rights of his
own cares for them, and the deployer may not read them. */ -}}
{{- $kind := ternary "ClusterRole" "Role" .Values.rbac.clusterRoles -}}
{{- $held := default "" $old.ROLE_BINDING -}}
{{- range $role := without (list $name $held | uniq) "" -}}
{{- range $namespace := concat $before $after | uniq -}}
{{- $stays := has $namespace $after -}}
{{- $rendered := and $stays $.Values.rbac.create (eq $role $name) -}}
{{- $released := and $stays (eq $role (include "operator.roleBinding" $)) -}}
{{- if or $rendered (and (eq $role $held) (not $released)) -}}
{{- $binding := lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace $role -}}
{{- if $binding -}}
{{- $dying := and (has $namespace $before) (include "operator.isDying" (list $ $namespace)) -}}
{{- $goes := printf "kubectl patch rolebinding %s --namespace %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'" $role $namespace -}}
{{- /* In a namespace that is being deleted nobody can create it anew. */ -}}
{{- $wait := "The namespace is being deleted, and needs it: wait until the namespace is gone, and upgrade again" -}}
{{- if and $rendered (ne $binding.roleRef.kind $kind) -}}
{{- fail (printf "`rbac.clusterRoles` can't be changed while there is the RoleBinding of the operator in %s, because Kubernetes lets nobody change its `roleRef`. %s" $namespace (ternary $wait (printf "Let it go: %s; then delete it, and upgrade again at once" $goes) (not (empty $dying)))) -}}
{{- else if and (not $released) (has "voicecampaign.dev/in-use" (default list $binding.metadata.finalizers)) -}}
{{- fail (printf "the RoleBinding of the operator in %s is held for the VoiceCampaigns there, and would not go. %s" $namespace (ternary $wait (printf "When the operator does not work there by it any more, it is not needed: %s; and upgrade again at once" $goes) (not (empty $dying)))) -}}
{{- else if and $rendered $binding.metadata.deletionTimestamp (not $dying) -}}
{{- fail (printf "the RoleBinding of the operator in %s is being deleted, and goes with the last VoiceCampaign there. To have it created anew: %s; and upgrade again at once" $namespace $goes) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
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
# (src/connection/keep/).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections]
  verbs: [get, list, watch, patch]
# The status of a connection (src/connection/controller/).
- apiGroups: [voicecampaign.dev]
  resources: [koreconnections/status]
  verbs: [patch]
# The credentials, by name, when a campaign needs them (src/connection/lookup/), and the finalizer in-use on them
# (src/connection/keep/). Never list or watch.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, patch]
# Events (src/kube_ext/events.rs); patch counts a repeated one.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}


{{/* Name of an admission policy: of this release, among those of the cluster. Takes the context and which policy. */}}
{{- define "operator.policyName" -}}
{{- $context := index . 0 -}}
{{- printf "%s.%s.%s" (index . 1) (include "operator.fullname" $context) $context.Release.Namespace -}}
{{- end -}}

{{/* Whether the cluster serves a kind of policy, which came with this version of Kubernetes; not empty if it does. Without a cluster
(helm template) helm knows no kinds, but a version. */}}
{{- define "operator.servesPolicy" -}}
{{- $capabilities := (index . 0).Capabilities -}}
{{- if $capabilities.APIVersions.Has "v1/Pod" -}}
{{- if $capabilities.APIVersions.Has (printf "admissionregistration.k8s.io/v1/%s" (index . 1)) -}}yes{{- end -}}
{{- else if semverCompare (printf ">=%s-0" (index . 2)) $capabilities.KubeVersion.Version -}}yes{{- end -}}
{{- end -}}

{{/* Names of the policies that admission-policies.yaml renders, separated by commas. */}}
{{- define "operator.policyNames" -}}
{{- $policies := list -}}
{{- if and .Values.admissionPolicies.mutating (not .Values.selector) (include "operator.servesPolicy" (list . "MutatingAdmissionPolicy" "1.36")) -}}
{{- $policies = append $policies "finalizer" -}}
{{- end -}}
{{- if and .Values.admissionPolicies.validating (include "operator.servesPolicy" (list . "ValidatingAdmissionPolicy" "1.30")) -}}
{{- $policies = concat $policies (ternary (list "protect") (list "guard" "guard-connections" "guard-secrets" "protect") (not (empty .Values.selector))) -}}
{{- end -}}
{{- $names := list -}}
{{- range $policies -}}{{- $names = append $names (include "operator.policyName" (list $ .)) -}}{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* Where the policies hold: where the operator works. */}}
{{- define "operator.policyScope" -}}
{{- with .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{ toJson . }}
{{- end -}}
{{- end -}}

{{/* What the policies that guard the finalizers ask. */}}
{{- define "operator.policyVariables" -}}
- name: byOperator
  expression: >-
    request.userInfo.username == 'system:serviceaccount:' + params.metadata.namespace + ':' + params.metadata.name
- name: breakGlass
  expression: >-
    {{ include "operator.policyBreakGlass" . }}
{{- end -}}

{{/* Whether somebody has said why a finalizer is to go. */}}
{{- define "operator.policyBreakGlass" -}}
(has(object.metadata.annotations) && 'voicecampaign.dev/break-glass' in object.metadata.annotations && object.metadata.annotations['voicecampaign.dev/break-glass'] != '')
{{- end -}}

{{/* Whether somebody edits the object. A policy can't tell a PATCH from a PUT, but who says to be `kubectl edit` means what is left out. */}}
{{- define "operator.policyByHand" -}}
(has(request.options.fieldManager) && request.options.fieldManager in ['kubectl-patch', 'kubectl-edit'])
{{- end -}}

{{/* Whether the campaign is to be left alone. */}}
{{- define "operator.policyOrphan" -}}
(has(object.spec.deletionPolicy) && object.spec.deletionPolicy == 'Orphan')
{{- end -}}

{{/* What stands in the audit log when the glass is broken. */}}
{{- define "operator.policyAudit" -}}
- key: break-glass
  valueExpression: >-
    variables.breakGlass && !variables.byOperator
    ? request.userInfo.username + ' removed a finalizer: ' + object.metadata.annotations['voicecampaign.dev/break-glass'] : ''
{{- end -}}

{{/* The binding of a validating policy. Takes the context, the policy, and the operator's ServiceAccount. */}}
{{- define "operator.guardBinding" -}}
{{- $context := index . 0 -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ index . 1 | quote }}
  labels:
    {{- include "operator.labels" $context | nindent 4 }}
spec:
  policyName: {{ index . 1 | quote }}
  validationActions: [Deny]
  paramRef:
    name: {{ index . 2 | quote }}
    namespace: {{ $context.Release.Namespace | quote }}
    parameterNotFoundAction: Allow
{{- end -}}


{{/* Labels and annotations of what is there while the release is uninstalled. Takes the context and the weight. */}}
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
