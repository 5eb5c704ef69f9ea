use super::problem::Problem;
use crate::api::AccountReference;
use crate::kore::{Account, Target, normal_host};

/// What a pass knows of the connection of its campaign.
#[derive(Clone, Debug)]
pub enum Connection {
    /// The pass has not resolved it yet.
    NotLookedUp,
    /// It can't be used until somebody fixes the problem.
    Unusable(Problem),
    /// It can be used.
    Usable(Box<UsableConnection>),
}

/// A connection that can be used.
#[derive(Clone, Debug)]
pub struct UsableConnection {
    /// Everything needed to call Kore.
    pub target: Target,
    /// Name of the Secret with the credentials.
    pub secret: String,
    /// Most calls in any 60 seconds.
    pub requests_per_minute: usize,
    /// Former hosts of the account, as the connection lists them.
    pub former_hosts: Vec<String>,
}

impl UsableConnection {
    /// The account as recorded in a status: with the host that is called.
    pub fn account(&self) -> AccountReference {
        let Account { host, account_id } =
            Account::new(&self.target.address, &self.target.account.account_id);
        AccountReference { host, account_id }
    }

    /// Whether the connection leads to an account that is recorded in a status, by its host or one of its
    /// `formerHosts`. Other connections have no say in this.
    pub fn leads_to(&self, account: &AccountReference) -> bool {
        let AccountReference { host, account_id } = account;
        let hosts = self.former_hosts.iter().chain([&self.target.address]);
        *account_id == self.target.account.account_id
            && hosts.map(|own| normal_host(own)).any(|own| own == normal_host(host))
    }
}
