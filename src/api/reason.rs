use crate::kore::FailureKind;

/// Why a VoiceCampaign is in the state that its conditions show. The same strings stand in conditions and
/// events, and docs/voicecampaign.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Kore returned the campaign.
    CampaignFound,
    /// Kore's answer says that there is no such campaign.
    CampaignNotFound,
    /// The object does not fit its schema.
    Invalid,
    /// The object is new; Kore has not been asked yet.
    Pending,
    /// `spec.suspend` is true.
    Suspended,
    /// There is no KoreConnection of that name.
    ConnectionNotFound,
    /// The KoreConnection does not fit its schema.
    ConnectionInvalid,
    /// The connection, or its account, belongs to another instance of the operator.
    NotSelected,
    /// The operator may not send tokens to the host of the KoreConnection.
    HostNotAllowed,
    /// The KoreConnection is of another account than the campaign.
    AccountChanged,
    /// The Secret or one of its keys is missing, or the operator may not read it.
    CredentialsMissing,
    /// More deletions of the connection began within an hour than its brake lets through.
    MassDeletion,
    /// A DELETE is on its way.
    Deleting,
    /// The next call waits for its turn within the quota of the account.
    WaitingForQuota,
    /// Calls to the account fail, whatever the campaign; the operator probes it until one succeeds.
    AccountUnavailable,
    /// Another VoiceCampaign names the same campaign, and keeps it.
    CampaignShared,
    /// The listing of the stream is empty, and the operator doubts that its campaigns are gone.
    StreamSuddenlyEmpty,
    /// The pages of a listing do not add up.
    ListingIncomplete,
    /// The answer to the last DELETE is no confirmation.
    Service(FailureKind),
    /// Kore has confirmed the deletion.
    Deleted,
    /// The operator has proven that Kore has no such campaign.
    Absent,
    /// The campaign was left in Kore.
    Orphaned,
    /// The object was removed before its deletion was confirmed; only an event can say so.
    CampaignLeftBehind,
}

impl Reason {
    /// Every reason, for the documents and their test.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::CampaignFound,
            Self::CampaignNotFound,
            Self::Invalid,
            Self::Pending,
            Self::Suspended,
            Self::ConnectionNotFound,
            Self::ConnectionInvalid,
            Self::NotSelected,
            Self::HostNotAllowed,
            Self::AccountChanged,
            Self::CredentialsMissing,
            Self::MassDeletion,
            Self::Deleting,
            Self::WaitingForQuota,
            Self::AccountUnavailable,
            Self::CampaignShared,
            Self::StreamSuddenlyEmpty,
            Self::ListingIncomplete,
            Self::Deleted,
            Self::Absent,
            Self::Orphaned,
            Self::CampaignLeftBehind,
        ]
        .into_iter()
        .chain(FailureKind::ALL.into_iter().map(Self::Service))
    }

    /// The reason as it stands in a condition or an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CampaignFound => "CampaignFound",
            Self::CampaignNotFound => "CampaignNotFound",
            Self::Invalid => "Invalid",
            Self::Pending => "Pending",
            Self::Suspended => "Suspended",
            Self::ConnectionNotFound => "ConnectionNotFound",
            Self::ConnectionInvalid => "ConnectionInvalid",
            Self::NotSelected => "NotSelected",
            Self::HostNotAllowed => "HostNotAllowed",
            Self::AccountChanged => "AccountChanged",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::MassDeletion => "MassDeletion",
            Self::Deleting => "Deleting",
            Self::WaitingForQuota => "WaitingForQuota",
            Self::AccountUnavailable => "AccountUnavailable",
            Self::CampaignShared => "CampaignShared",
            Self::StreamSuddenlyEmpty => "StreamSuddenlyEmpty",
            Self::ListingIncomplete => "ListingIncomplete",
            Self::Service(kind) => kind.reason(),
            Self::Deleted => "Deleted",
            Self::Absent => "Absent",
            Self::Orphaned => "Orphaned",
            Self::CampaignLeftBehind => "CampaignLeftBehind",
        }
    }

    /// Reads a reason back from a status.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == text)
    }

    /// Whether a person has to act: no retry can mend it.
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Invalid
            | Self::Suspended
            | Self::ConnectionNotFound
            | Self::ConnectionInvalid
            | Self::NotSelected
            | Self::HostNotAllowed
            | Self::AccountChanged
            | Self::CredentialsMissing
            | Self::MassDeletion
            | Self::CampaignShared
            | Self::StreamSuddenlyEmpty
            | Self::Service(FailureKind::CredentialsRejected) => true,
            Self::CampaignFound
            | Self::CampaignNotFound
            | Self::Pending
            | Self::Deleting
            | Self::WaitingForQuota
            | Self::AccountUnavailable
            | Self::ListingIncomplete
            | Self::Deleted
            | Self::Absent
            | Self::Orphaned
            | Self::CampaignLeftBehind
            | Self::Service(
                FailureKind::MayBeAbsent
                | FailureKind::Accepted
                | FailureKind::Throttled
                | FailureKind::Refused
                | FailureKind::Unavailable
                | FailureKind::Unreachable
                | FailureKind::Unreadable
                | FailureKind::ContractViolation,
            ) => false,
        }
    }

    /// Whether it is the result of an observation of the living campaign, which holds until the next one.
    pub fn is_observed(self) -> bool {
        match self {
            Self::CampaignFound | Self::CampaignNotFound | Self::StreamSuddenlyEmpty | Self::Service(_) => {
                true
            }
            Self::Invalid
            | Self::Pending
            | Self::Suspended
            | Self::ConnectionNotFound
            | Self::ConnectionInvalid
            | Self::NotSelected
            | Self::HostNotAllowed
            | Self::AccountChanged
            | Self::CredentialsMissing
            | Self::MassDeletion
            | Self::Deleting
            | Self::WaitingForQuota
            | Self::AccountUnavailable
            | Self::CampaignShared
            | Self::ListingIncomplete
            | Self::Deleted
            | Self::Absent
            | Self::Orphaned
            | Self::CampaignLeftBehind => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operator reads a status back after a restart: no two reasons may look the same.
    #[test]
    fn every_reason_is_read_back() {
        for reason in Reason::all() {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::parse("Unheard"), None);
    }
}
