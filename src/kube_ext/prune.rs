/// Prefix of the operator's own annotations.
const OURS: &str = "voicecampaign.dev/";

/// Drops from an object, before it is cached, what the operator never reads: managed fields are three
/// quarters of its memory, and other annotations may hold 256 KB (kubectl's last-applied one repeats the
/// whole object).
pub fn prune<K: kube::Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    if let Some(annotations) = &mut object.meta_mut().annotations {
        annotations.retain(|name, _| name.starts_with(OURS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use serde_json::json;

    #[test]
    fn only_our_own_annotations_are_kept() {
        let mut object: ConfigMap = serde_json::from_value(json!({"metadata": {
            "name": "x", "labels": {"shard": "a"}, "managedFields": [{"manager": "kubectl"}],
            "annotations": {"voicecampaign.dev/refresh-requested-at": "now", "example.com/notes": "long",
                            "kubectl.kubernetes.io/last-applied-configuration": "{}"}}}))
        .unwrap();
        prune(&mut object);
        assert!(object.metadata.managed_fields.is_none());
        assert_eq!(
            object.annotations().keys().collect::<Vec<_>>(),
            ["voicecampaign.dev/refresh-requested-at"]
        );
        assert_eq!(object.labels()["shard"], "a");
    }
}
