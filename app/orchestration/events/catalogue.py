"""Every type of event that the log may hold: `noun.past_tense`. Webhooks and readers choose among them."""

EVENT_TYPES = frozenset(
    f"{noun}.{happening}"
    for noun, happenings in {
        "order": (
            "received updated allocated unallocated cancelled completed partially_completed failed in_fulfilment"
        ),
        "shipment": (
            "created tendered assigned planned picked_up out_for_delivery approaching delivered partially_delivered"
            " attempt_failed returning returned lost cancelled eta_changed delayed unplanned replanned"
            " collected partially_collected collection_failed given_up"
        ),
        "tender": "offered accepted rejected expired withdrawn",
        "plan": "drafted published",
        "route": "published accepted started projected completed changed cancelled",
        "stop": "arrived departed failed skipped noted",
        "hold": "held confirmed released expired",
        "inventory": "counted moved expected arrived",
        "carrier": "capacity_set terms_set gateway_set",
        "booking": "booked declined failed cancelled retried",
        "proof": "captured",
        "message": "sent delivered read failed",
        "feedback": "submitted",
        "policy": "updated",
        "job": "queued progressed stop_asked finished",
        "exception": "opened resolved",
        "preferences": "updated",
    }.items()
    for happening in happenings.split()
)
