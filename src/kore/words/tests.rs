use super::absence::{Absence, absence, says_there_are_none};
use super::refusal::{refuses_us, speaks_of_rights};

/// R25: the documented text, and those of other services, as sentences and as codes.
#[test]
fn a_missing_right_is_recognized() {
    for text in [
        "Unauthorized to perform this activity",
        "You are not authorized to perform this action",
        "You're not authorised to delete campaigns",
        "User isn't authorized to access this resource",
        "You do not have permission to delete this campaign",
        "You don't have the required permissions",
        "The app doesn't have access to the stream",
        "Insufficient privileges",
        "insufficient_scope: campaign:delete",
        "INSUFFICIENT_PERMISSIONS",
        "Missing required scope \"Campaign Management\"",
        "The JWT app lacks the scope Campaign Management",
        "The token does not have the required scope",
        "JWT app has no permission to delete campaigns",
        "Access denied",
        "AccessDenied",
        "ACCESS_DENIED",
        "Permission denied.",
        "PermissionDenied",
        "access to this resource is denied",
        "This operation requires the role Admin",
        "Campaign access is denied",
        "Campaign deletion is forbidden for this app",
        "Campaign Promo can't be deleted: permission denied",
        "Forbidden",
        "FORBIDDEN",
        "ForbiddenError",
        "You are not allowed to perform this operation",
        "Operation not permitted",
        "NOT_PERMITTED",
        "NotAuthorizedError",
        "code 403: nope",
        "No access to this account",
        "Required permission not found",
        "The client is not permitted to delete campaigns",
        "Unauthorized for this stream",
        "Insufficient authorization",
        "Permission check failed",
        "NOT_ALLOWED",
        "not allowed to delete campaigns",
        "App isn't allowed to delete campaigns",
        "You aren't allowed",
        "Deleting campaigns is not allowed for this app",
        "You cannot perform this action",
        "Operation is prohibited",
        "Only admins can delete campaigns",
        "Access is not allowed",
        "Access rejected",
        "Access has been revoked",
        "API access is disabled",
        "Scope \"Campaign Management\" is not assigned to the app",
        "invalid_scope",
        "You are not a member of this account",
    ] {
        assert!(speaks_of_rights(Some(400), text), "{text}");
        assert!(speaks_of_rights(None, text) && refuses_us(text), "{text}");
        assert_ne!(absence(text), Absence::Said, "{text}");
    }
    for (text, right) in [
        ("This token cannot delete campaigns", true),
        ("The JWT is not what is expected", false),
        ("The client app of this token has been deleted", false),
    ] {
        assert_eq!(speaks_of_rights(Some(403), text), right, "{text}");
    }
    // With 401, a text has to name the right.
    for text in ["Unauthorized to perform this activity", "You do not have permission to delete campaigns"] {
        assert!(speaks_of_rights(Some(401), text), "{text}");
    }
    for text in ["Unauthorized", "Access denied", "Forbidden", "Insufficient authorization", "code 403: nope"]
    {
        assert!(!speaks_of_rights(Some(401), text), "{text}");
    }
}

/// Names and states of campaigns, and texts that may mean that a campaign does not exist.
#[test]
fn other_refusals_are_not_about_rights() {
    for text in [
        "",
        "Campaign not found",
        "Campaign is running",
        "Bad Request",
        "Campaign Permission reminder is running",
        "Campaign Access denied is running",
        "Campaign Access denied follow-up not found",
        "Campaign Forbidden City tours not found",
        "Campaign \"Access denied\" not found",
        "Campaign No permission slips deleted successfully",
        "Campaign Insufficient rights campaign can't be deleted",
        "Campaign Token refresh is running",
        "Deleting a running campaign is not allowed",
        "You are not allowed to delete a campaign while it is active",
        "Deletion of an active campaign is forbidden",
        "Operation not permitted in this state",
        "Method Not Allowed",
        "Campaign not found or access denied",
        "You do not have access or the campaign does not exist",
        "Access number is in use",
        "No campaign found for this role",
        "No such campaign in this scope",
        "Campaign not found. Requires access to the stream",
    ] {
        assert!(!speaks_of_rights(Some(400), text) && !refuses_us(text), "{text}");
    }
}

/// R24: only a text that says that the campaign does not exist, and nothing else, is believed.
#[test]
fn an_absence_is_said_in_words_of_its_own() {
    for text in [
        "Campaign not found",
        "Not Found",
        "NOT_FOUND",
        "CampaignNotFound",
        "CampaignNotFoundError",
        "campaign does not exist",
        "The campaign doesn't exist any more",
        "no such campaign",
        "Unknown campaign",
        "The voice campaign has already been deleted",
        "Campaign Stream promo not found",
        "Campaign Permission reminder could not be found",
        "Unable to find the campaign in this stream",
        "No campaign found",
        "No record found",
        "Resource not found",
        "code 404",
        "Deleted",
    ] {
        assert_eq!(absence(text), Absence::Said, "{text}");
        assert!(!refuses_us(text), "{text}");
    }
    for text in [
        "Campaign not found or access denied",
        "You do not have access or the campaign does not exist",
        "No campaign found for this role, which lacks permission",
        "Campaign not found. Requires access to the stream",
        "Stream not found",
        "Account not found",
        "The app does not exist",
        "no Route matched: path not found",
        "Contact list not found",
        "Required permission not found",
    ] {
        assert_eq!(absence(text), Absence::Unclear, "{text}");
    }
    for text in [
        "",
        "Bad Request",
        "Unauthorized to perform this activity",
        "User is unauthorized",
        "Deletion is not permitted",
        "We are sorry",
        "Campaign is running",
        "Campaign Not found yet is running",
    ] {
        assert_eq!(absence(text), Absence::Unsaid, "{text}");
    }
}

/// R27: texts about a stream without campaigns, and texts about one campaign, something else, or us.
#[test]
fn a_stream_without_campaigns_is_said_to_have_none() {
    for text in [
        "No campaigns found",
        "No campaign found",
        "No Campaign(s) found.",
        "No voice campaigns are available",
        "0 results found",
        "No campaigns",
        "No voice campaigns in this stream",
        "There are no campaigns in this stream",
        "You have no campaigns",
        "Campaigns not found",
        "CAMPAIGNS_NOT_FOUND",
        "Campaigns could not be found",
        "Could not find any campaigns",
        "Unable to find campaigns",
    ] {
        assert!(says_there_are_none(text), "{text}");
    }
    for text in [
        "Not found",
        "Campaign not found",
        "There is no campaign with this id",
        "No campaigns found: access denied",
        "You have no campaigns you are authorized to see: permission denied",
        "no Route found",
        "No results found in this queue",
        "No data",
        "Campaigns could not be loaded",
        "Could not find the campaign",
    ] {
        assert!(!says_there_are_none(text), "{text}");
    }
}

/// Refused credentials are not a missing right, with 403, too.
#[test]
fn words_about_the_token_are_about_credentials() {
    for text in [
        "error verifying the jwt: possibly a replay",
        "Invalid SDK credentials",
        "code 4002: refused",
        "Invalid token",
        "The token has expired",
        "Access denied: invalid token",
        "JWT signature mismatch",
        "Unauthorized: token expired",
        "Unauthorized.",
        "UNAUTHORIZED_CLIENT",
        "authorization header is missing",
        "Authentication required",
        "User is unauthorized",
        "Request unauthorized",
        "Unauthorized app",
        "Authorization failed for app",
        "invalid_client",
    ] {
        assert!(!speaks_of_rights(Some(400), text) && refuses_us(text), "{text}");
    }
    for text in
        ["Access denied: invalid token", "Invalid SDK credentials", "possibly a replay", "Please log in"]
    {
        assert!(!speaks_of_rights(Some(403), text), "{text}");
    }
    assert!(speaks_of_rights(Some(403), "") && speaks_of_rights(Some(403), "nope"));
    assert!(speaks_of_rights(Some(403), "Unauthorized"));
    assert!(!speaks_of_rights(Some(400), "nope") && !refuses_us("nope"));
}
