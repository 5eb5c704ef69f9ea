//! Whether a ServiceAccount has a right, as the API server answers whoever may ask.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

/// A ServiceAccount.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Account<'_> {
    /// The user that it is.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Whether it has a right in all namespaces, or, with a namespace in the attributes, in that one. Only
    /// administrators may ask.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn may(&self, client: &Client, attributes: ResourceAttributes) -> kube::Result<bool> {
        let review = SubjectAccessReview { spec: self.spec(attributes), ..SubjectAccessReview::default() };
        let api: Api<SubjectAccessReview> = Api::all(client.clone());
        let reviewed = api.create(&PostParams::default(), &review).await?;
        Ok(reviewed.status.is_some_and(|status| status.allowed))
    }

    /// Whether it has a right in a namespace, which is put into the attributes. The administrators of the
    /// namespace may ask.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn may_in(
        &self,
        namespace: &str,
        client: &Client,
        attributes: ResourceAttributes,
    ) -> kube::Result<bool> {
        let attributes = ResourceAttributes { namespace: Some(namespace.to_owned()), ..attributes };
        let mut review =
            LocalSubjectAccessReview { spec: self.spec(attributes), ..LocalSubjectAccessReview::default() };
        review.metadata.namespace = Some(namespace.to_owned());
        let api: Api<LocalSubjectAccessReview> = Api::namespaced(client.clone(), namespace);
        let reviewed = api.create(&PostParams::default(), &review).await?;
        Ok(reviewed.status.is_some_and(|status| status.allowed))
    }

    fn spec(&self, attributes: ResourceAttributes) -> SubjectAccessReviewSpec {
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{}", self.namespace),
            "system:authenticated".to_owned(),
        ];
        SubjectAccessReviewSpec {
            user: Some(self.user()),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        }
    }
}
