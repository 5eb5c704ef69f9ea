{{/*
Refuses an upgrade after which no operator would remove the finalizers of some objects, and one that the API
server would reject half way. Without a cluster (helm template) `lookup` finds nothing, and nothing is
refused.

The templates below take a dict: `context`; `deployment`, the operator's Deployment before the upgrade; and
`env`, the environment variables of its operator.
*/}}
{{- define "operator.checkUpgrade" -}}
{{- if .Release.IsUpgrade -}}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace (include "operator.fullname" .) -}}
{{- if $deployment -}}
{{- $upgrade := dict "context" . "deployment" $deployment "env" (include "operator.environment" $deployment | fromJson) -}}
{{- include "operator.refuseDeletedDefinitions" $upgrade -}}
{{- include "operator.refuseNewSelectorLabels" $upgrade -}}
{{- include "operator.refuseStrandedObjects" $upgrade -}}
{{- include "operator.refuseHeldBindings" $upgrade -}}
{{- else -}}
{{- include "operator.refuseNewName" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether a Deployment runs the operator, of this release or of another one; not empty if it does. */}}
{{- define "operator.isOperator" -}}
{{- $labels := default dict .metadata.labels -}}
{{- if and (eq (get $labels "app.kubernetes.io/part-of") "voicecampaign-operator") (eq (get $labels "app.kubernetes.io/component") "operator") -}}yes{{- end -}}
{{- end -}}

{{/* Whether an operator reconciles an object: `yes`, `no`, or nothing, like `operator.selects`. Takes the
operator's environment variables and the object's metadata. */}}
{{- define "operator.reconciles" -}}
{{- $env := index . 0 -}}
{{- $metadata := index . 1 -}}
{{- $namespaces := include "operator.namespacesOf" $env.WATCH_NAMESPACES | fromJsonArray -}}
{{- if and $namespaces (not (has $metadata.namespace $namespaces)) -}}
no
{{- else -}}
{{- include "operator.selects" (list (default "" $env.SELECTOR) $metadata.labels) -}}
{{- end -}}
{{- end -}}

{{/* Refuses to install a second operator beside the first one of this release, under a new name. Takes the
context. */}}
{{- define "operator.refuseNewName" -}}
{{- /* Another alias in the same umbrella chart is another operator. It may be named kore-2, so the version
must follow. */ -}}
{{- $chart := printf "^%s-[0-9]+[.][0-9]+[.]" (regexQuoteMeta .Chart.Name) -}}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items -}}
{{- $labels := default dict .metadata.labels -}}
{{- if and (include "operator.isOperator" .) (eq (get $labels "app.kubernetes.io/instance") $.Release.Name) (regexMatch $chart (get $labels "helm.sh/chart")) -}}
{{- fail (printf "the operator of this release is named %s, and an upgrade can't rename it: it would add a second operator with a Lease of its own, and leave the RoleBindings behind that carry the first one's finalizer. Leave `nameOverride` and `fullnameOverride` as they are; or uninstall the release, and install it with the new name" .metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses to delete the CustomResourceDefinitions while there are VoiceCampaigns. */}}
{{- define "operator.refuseDeletedDefinitions" -}}
{{- $context := .context -}}
{{- /* Looked up only if the installed release has `crds.keep` false: not every user may read
CustomResourceDefinitions. */ -}}
{{- if and (not $context.Values.crds.enabled) (hasKey (default dict .deployment.metadata.annotations) "voicecampaign.dev/definitions-not-kept") -}}
{{- $of := default dict (dig "metadata" "annotations" dict (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "voicecampaigns.voicecampaign.dev")) -}}
{{- $own := and (eq (get $of "meta.helm.sh/release-name") $context.Release.Name) (eq (get $of "meta.helm.sh/release-namespace") $context.Release.Namespace) -}}
{{- if and $own (ne (get $of "helm.sh/resource-policy") "keep") (lookup "voicecampaign.dev/v1alpha1" "VoiceCampaign" "" "").items -}}
{{- fail "`crds.enabled=false` would delete the CustomResourceDefinitions, and with them every VoiceCampaign and its campaign in Kore, because the installed release has `crds.keep=false`: upgrade with `crds.enabled=true` and `crds.keep=true` first" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses to change the Deployment's selector, which is immutable. */}}
{{- define "operator.refuseNewSelectorLabels" -}}
{{- if ne (toJson .deployment.spec.selector.matchLabels) (include "operator.selectorLabels" .context | fromYaml | toJson) -}}
{{- fail (printf "an upgrade can't change `nameOverride`, because the selector of the Deployment %s is immutable: leave `nameOverride` as it is; or uninstall the release, and install it with the new name" .deployment.metadata.name) -}}
{{- end -}}
{{- end -}}

{{/* Refuses to stop reconciling objects that have the operator's finalizer, unless another release reconciles
them. */}}
{{- define "operator.refuseStrandedObjects" -}}
{{- $context := .context -}}
{{- $deployment := .deployment -}}
{{- $old := .env -}}
{{- $before := include "operator.namespacesOf" $old.WATCH_NAMESPACES | fromJsonArray -}}
{{- $after := default list $context.Values.watchNamespaces -}}
{{- $new := dict "WATCH_NAMESPACES" (join "," $after) "SELECTOR" (default "" $context.Values.selector) -}}
{{- $dropped := list -}}
{{- range $before -}}{{- if and $after (not (has . $after)) -}}{{- $dropped = append $dropped . -}}{{- end -}}{{- end -}}
{{- $narrowed := or $dropped (and $after (not $before)) -}}
{{- $relabelled := ne (default "" $old.SELECTOR) (default "" $context.Values.selector) -}}
{{- /* Objects with a finalizer that the old operator reconciles and the new one does not. */ -}}
{{- $left := list -}}
{{- /* Without the CustomResourceDefinitions there are no objects, and a lookup would fail. */ -}}
{{- if and (or $relabelled $narrowed) ($context.Capabilities.APIVersions.Has "voicecampaign.dev/v1alpha1/VoiceCampaign") -}}
{{- range $kind, $finalizer := dict "VoiceCampaign" "voicecampaign.dev/remote-campaign" "KoreConnection" "voicecampaign.dev/in-use" -}}
{{- range $scope := ternary $before (list "") (gt (len $before) 0) -}}
{{- range (lookup "voicecampaign.dev/v1alpha1" $kind $scope "").items -}}
{{- if and (has $finalizer (default list .metadata.finalizers)) (ne (include "operator.reconciles" (list $old .metadata)) "no") (ne (include "operator.reconciles" (list $new .metadata)) "yes") -}}
{{- $left = append $left (dict "kind" $kind "metadata" .metadata) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* Operators of other releases, by their environment variables, which may reconcile these objects. */ -}}
{{- $others := list -}}
{{- if $left -}}
{{- range (lookup "apps/v1" "Deployment" (ternary $context.Release.Namespace "" (gt (len $before) 0)) "").items -}}
{{- /* One that is scaled to zero or being deleted reconciles nothing. */ -}}
{{- $works := and (gt (int .spec.replicas) 0) (not .metadata.deletionTimestamp) -}}
{{- if and (include "operator.isOperator" .) $works (ne .metadata.uid $deployment.metadata.uid) -}}{{- $others = append $others (include "operator.environment" . | fromJson) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- /* The names of the objects that no operator reconciles any more. */ -}}
{{- $stranded := list -}}
{{- range $object := $left -}}
{{- $reconciled := false -}}
{{- range $others -}}{{- if eq (include "operator.reconciles" (list . $object.metadata)) "yes" -}}{{- $reconciled = true -}}{{- end -}}{{- end -}}
{{- if not $reconciled -}}{{- $stranded = append $stranded (printf "%s %s/%s" $object.kind $object.metadata.namespace $object.metadata.name) -}}{{- end -}}
{{- end -}}
{{- if $stranded -}}
{{- fail (printf "with the new `watchNamespaces` and `selector` no operator would remove the finalizers of: %s. Give these objects labels that `selector` selects; or first install another release that reconciles them, in this namespace if `watchNamespaces` was set; or delete the VoiceCampaigns (with `deletionPolicy: Orphan` to keep their campaigns), and wait until they are gone" (join ", " $stranded)) -}}
{{- end -}}
{{- end -}}

{{/* Refuses to leave RoleBindings behind that carry the operator's finalizer, and to change those that cannot
be updated. RoleBindings of the user's own are not looked up while the operator still holds them: the user who
upgrades may have no right to read them. */}}
{{- define "operator.refuseHeldBindings" -}}
{{- $context := .context -}}
{{- $before := include "operator.namespacesOf" .env.WATCH_NAMESPACES | fromJsonArray -}}
{{- $after := default list $context.Values.watchNamespaces -}}
{{- $name := include "operator.fullname" $context -}}
{{- $kind := ternary "ClusterRole" "Role" $context.Values.rbac.clusterRoles -}}
{{- $held := default "" .env.ROLE_BINDING -}}
{{- range $role := without (list $name $held | uniq) "" -}}
{{- range $namespace := concat $before $after | uniq -}}
{{- $watched := has $namespace $after -}}
{{- /* Whether the new release renders the RoleBinding, and whether the new operator removes its finalizer. */
-}}
{{- $rendered := and $watched $context.Values.rbac.create (eq $role $name) -}}
{{- $released := and $watched (eq $role (include "operator.roleBinding" $context)) -}}
{{- if or $rendered (and (eq $role $held) (not $released)) -}}
{{- $binding := lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace $role -}}
{{- if $binding -}}
{{- $terminating := and (has $namespace $before) (include "operator.isTerminating" (list $context $namespace)) -}}
{{- $remove := printf "kubectl patch rolebinding %s --namespace %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'" $role $namespace -}}
{{- /* In a namespace that is being deleted nobody can create the RoleBinding again. */ -}}
{{- $wait := "The namespace is being deleted, and the operator needs the RoleBinding for that: wait until the namespace is gone, and upgrade again" -}}
{{- if and $rendered (ne $binding.roleRef.kind $kind) -}}
{{- fail (printf "`rbac.clusterRoles` can't be changed while the operator's RoleBinding in %s exists, because its `roleRef` is immutable. %s" $namespace (ternary $wait (printf "Remove its finalizer: %s; then delete it, and upgrade again at once" $remove) (not (empty $terminating)))) -}}
{{- else if and (not $released) (has "voicecampaign.dev/in-use" (default list $binding.metadata.finalizers)) -}}
{{- fail (printf "the operator's RoleBinding in %s is held for the VoiceCampaigns there by its finalizer voicecampaign.dev/in-use, which no operator would remove after this upgrade. %s" $namespace (ternary $wait (printf "If the operator no longer works there by this RoleBinding, remove the finalizer: %s; and upgrade again at once" $remove) (not (empty $terminating)))) -}}
{{- else if and $rendered $binding.metadata.deletionTimestamp (not $terminating) -}}
{{- fail (printf "the operator's RoleBinding in %s is being deleted, and its finalizer holds it until the last VoiceCampaign there is gone. To have the upgrade create it again, remove the finalizer: %s; and upgrade again at once" $namespace $remove) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
