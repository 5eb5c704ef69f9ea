//! A campaign.

use serde_json::Value;

use super::fields::{boolean, integer, list, object, scalar, text};
use crate::kore::campaign::{
    CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule,
};

/// Reads a campaign; `None` if the value is not an object.
pub fn campaign(value: &Value) -> Option<Campaign> {
    value.is_object().then(|| Campaign {
        id: text(value, "_id").or_else(|| text(value, "id")),
        name: text(value, "name"),
        lname: text(value, "lname"),
        description: text(value, "description"),
        status: text(value, "status"),
        priority: text(value, "priority"),
        dialing_mode: text(value, "dialingMode"),
        format: text(value, "format"),
        dialing_strategy: object(value, "dialingStrategy").map(dialing_strategy),
        dnc_lists: object(value, "dncLists").map(|list| DncList {
            id: text(list, "id").or_else(|| text(list, "_id")),
            name: text(list, "name"),
        }),
        contact_lists: list(value, "contactLists").iter().filter_map(scalar).collect(),
        experience_flow: text(value, "experienceFlow"),
        campaign_instance_id: text(value, "campaignInstanceId"),
        schedule: object(value, "schedule").map(|schedule| Schedule {
            is_scheduling_enabled: boolean(schedule, "isSchedulingEnabled"),
            is_recurrence_enabled: boolean(schedule, "isRecurrenceEnabled"),
        }),
        is_filters_enabled: boolean(value, "isFiltersEnabled"),
        created_at: text(value, "createdAt"),
        updated_at: text(value, "updatedAt"),
    })
}

fn dialing_strategy(value: &Value) -> DialingStrategy {
    DialingStrategy {
        caller_id: object(value, "callerId")
            .map(|caller| CallerId { phone_number: text(caller, "phoneNumber") }),
        calling_hours: object(value, "callingHours").map(|hours| CallingHours {
            frequency: text(hours, "frequency"),
            days: list(hours, "days")
                .iter()
                .filter(|day| day.is_object())
                .map(|day| CallingDay {
                    day: text(day, "day"),
                    start: text(day, "start"),
                    end: text(day, "end"),
                })
                .collect(),
            timezone: text(hours, "timezone"),
        }),
        dialing_order: text(value, "dialingOrder"),
        max_attempts_per_record: integer(value, "maxAttemptsPerRecord"),
        default_retry_period: integer(value, "defaultRetryPeriod"),
        max_ring_time: integer(value, "maxRingTime"),
        use_system_mappings: boolean(value, "useSystemMappings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kore::wire::fields::{MAX_ENTRIES, MAX_TEXT_CHARS};
    use serde_json::json;

    /// A field of another type than documented must not hide that the campaign was deleted.
    #[test]
    fn a_field_of_the_wrong_type_is_left_out_and_the_rest_is_read() {
        let campaign = campaign(&json!({"_id": "cd-1", "id": 7, "priority": 5, "schedule": "none",
            "contactLists": ["a", 2, {"x": 1}], "dialingStrategy": {"maxRingTime": "30", "callingHours": []}}))
        .unwrap();
        assert_eq!(campaign.id.as_deref(), Some("cd-1"));
        assert_eq!(campaign.priority.as_deref(), Some("5"));
        assert_eq!(campaign.schedule, None);
        assert_eq!(campaign.contact_lists, ["a", "2"]);
        let strategy = campaign.dialing_strategy.unwrap();
        assert_eq!(strategy.max_ring_time, Some(30));
        assert_eq!(strategy.calling_hours, None);
    }

    /// In [get-all-campaigns-v2] the sample's voice rows have `_id`, and the table of fields has `id`.
    #[test]
    fn the_id_is_read_from_either_spelling() {
        assert_eq!(campaign(&json!({"id": "cd-2"})).unwrap().id.as_deref(), Some("cd-2"));
        assert_eq!(campaign(&json!({"_id": "cd-3"})).unwrap().id.as_deref(), Some("cd-3"));
    }

    /// Status is not the place for a megabyte of description.
    #[test]
    fn long_texts_and_lists_are_cut() {
        let lists: Vec<_> = (0..500).map(|n| n.to_string()).collect();
        let campaign = campaign(&json!({"description": "ü".repeat(10_000), "contactLists": lists})).unwrap();
        assert_eq!(campaign.description.unwrap().chars().count(), MAX_TEXT_CHARS);
        assert_eq!(campaign.contact_lists.len(), MAX_ENTRIES);
    }
}
