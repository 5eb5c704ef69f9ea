use std::fmt::Debug;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

/// Objects per page: with the largest status, a page takes a few megabytes.
const PAGE: u32 = 500;

/// Lists objects page by page, so that ten thousand do not have to be in memory.
///
/// # Errors
/// If a page can't be read.
pub async fn each<K>(api: &Api<K>, selector: Option<&str>, mut take: impl FnMut(K)) -> kube::Result<()>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut page = ListParams::default().limit(PAGE);
    page.label_selector = selector.map(ToOwned::to_owned);
    loop {
        let list = api.list(&page).await?;
        list.items.into_iter().for_each(&mut take);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}
