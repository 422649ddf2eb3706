/* score.h - what a run found: rings with scores and reasons, and the risk of every node.
 *
 * Scores, risks and weights are integers in millionths: 0 .. 1000000.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_SCORE_H
#define RINGSCOPE_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detect.h"
#include "error.h"
#include "evidence.h"
#include "graph.h"
#include "lists.h"
#include "propagate.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_MILLION UINT32_C(1000000)
#define RS_NO_RING UINT32_MAX

typedef enum rs_role {
    RS_ROLE_CORE,
    RS_ROLE_MEMBER,
    RS_ROLE_BRIDGE,
    RS_ROLE_COLLECTOR, /* takes money together: of several members, or to hand it to them */
    RS_ROLE_EXIT,      /* what members pass on ends with it */
    RS_ROLE_HUB        /* takes from several members and pays several */
} rs_role;
#define RS_ROLE_COUNT 6
RS_API const char *rs_role_name(rs_role role); /* "core", "member", ... */

typedef struct rs_ring_member {
    uint32_t node;
    uint32_t membership; /* millionths: how tightly it belongs */
    rs_role role;
    bool known;    /* on the blacklist */
    bool cleared;  /* on the whitelist: the ring's score is no part of its risk */
    bool disputed; /* on the whitelist, but the same person as somebody who is known */
} rs_ring_member;

typedef struct rs_ring_thing {
    uint32_t node;
    uint32_t shared_by; /* members that use it */
} rs_ring_thing;

/* Somebody who only paid a ring, through one relation. */
typedef struct rs_ring_victim {
    uint32_t node;
    uint32_t payment_count;
    rs_sum amount; /* in the relation's smallest units */
} rs_ring_victim;

/* All who only paid a ring through one relation. They are no members. */
typedef struct rs_ring_paid {
    uint16_t relation;
    uint32_t victim_count;
    uint64_t payment_count;
    rs_sum amount;
    size_t victim_first; /* in rs_findings.victims: by amount, then payments, then node */
    uint32_t listed_count;
} rs_ring_paid;

/* What members share or act on together, without which the ring falls apart. */
typedef struct rs_ring_hold {
    uint32_t thing;
    uint32_t part_count;  /* so many parts it falls into */
    uint32_t cut_count;   /* members outside of the largest part */
    uint32_t alone_count; /* members that hang on it alone */
    size_t alone_first;   /* in rs_findings.alone: the first of them */
    uint32_t listed_count;
} rs_ring_hold;

/* One of the fewest links that make a member belong to its ring (docs/algorithms/score.md). */
typedef struct rs_ring_tie {
    uint32_t node;     /* it leads to: another member, or a thing that many share */
    uint32_t thing;    /* that the two share or act on; RS_NO_NODE where there is no other */
    uint16_t kind;     /* of evidence, and the store's relation, of the strongest of what ties */
    uint16_t relation; /* them; UINT16_MAX: not known */
    uint32_t weight;   /* millionths of all that ties the member to its ring */
} rs_ring_tie;

#define RS_TIES_MAX 3
typedef struct rs_member_ties {
    size_t first;    /* in rs_findings.ties: the largest first */
    uint32_t count;  /* at most RS_TIES_MAX */
    uint32_t needed; /* so many are the fewest */
} rs_member_ties;

/* One thing, and the members that use it through one relation. */
typedef struct rs_fact {
    uint32_t thing;    /* RS_NO_NODE: the fact is about the users alone (known members) */
    uint16_t relation; /* of the store; UINT16_MAX where there is none */
    uint64_t event_count;
    size_t user_first; /* in rs_findings.fact_users */
    uint32_t user_count;
    bool in_time;        /* what follows is known: rows that the users did to each other or to it */
    int64_t first, last; /* UTC seconds; RS_NO_TIME where the relation has no times */
    rs_sum amount;       /* their sum in the relation's smallest units */
} rs_fact;

typedef struct rs_reason {
    char kind[64];         /* "shared_device", "known_members", ... */
    uint32_t weight;       /* millionths; those of a ring sum to 1000000 */
    uint32_t member_count; /* members that it concerns */
    uint32_t thing_count;
    size_t fact_first, fact_count; /* strongest first, at most facts_max */
} rs_reason;

/* No stability: the ring is not among the first ones, verified identities alone hold it, or it is
 * too large (RS_STEADY_LINKS_MAX). */
#define RS_NO_STABILITY  UINT32_MAX
#define RS_STEADY_RERUNS UINT32_C(20)
#define RS_STEADY_DROP   UINT32_C(20)

/* What became of a ring since the night before. */
typedef enum rs_ring_event {
    RS_RING_BORN,
    RS_RING_CONTINUED,
    RS_RING_GREW,
    RS_RING_SHRANK,
    RS_RING_MERGED,   /* took in what is left of another */
    RS_RING_SPLIT,    /* is a part of what another was */
    RS_RING_RETURNED, /* had died */
    RS_RING_DIED      /* not a ring of tonight */
} rs_ring_event;
#define RS_RING_EVENT_COUNT 8
RS_API const char *rs_ring_event_name(rs_ring_event event); /* "born", "continued", ... */

typedef struct rs_ring_id {
    char text[16]; /* "R-" and 13 characters of Crockford's base 32 */
} rs_ring_id;

/* A ring of an earlier night that is none of tonight. */
typedef struct rs_gone_ring {
    rs_ring_id id;
    rs_ring_id into; /* the ring that took it in; "": it died */
    int64_t since;   /* as-of of its birth */
    uint32_t score;  /* when it was last seen, as the next */
    size_t member_count;
} rs_gone_ring;

typedef struct rs_ring {
    char id[16]; /* as rs_ring_id: its own from birth on */
    uint32_t score;
    uint64_t evidence; /* weight of the links that hold its members (1 << 20 is 1.0) */
    int64_t since;     /* as-of of its birth, UTC seconds or RS_NO_TIME */
    rs_ring_event event;
    size_t from_first, from_count; /* in rs_findings.from: the rings that it comes from */
    uint32_t stability; /* millionths of RS_STEADY_RERUNS in which it came back (detect.h), one link
                           in RS_STEADY_DROP left out; or RS_NO_STABILITY */
    size_t member_first, member_count; /* by membership, ties by node */
    size_t thing_first, thing_count;   /* by shared_by, ties by node */
    size_t reason_first, reason_count; /* by weight, ties by kind */
    size_t paid_first, paid_count;     /* by relation; none where it has no victims */
    size_t hold_first, hold_count;     /* at most three: by cut_count */
} rs_ring;

typedef struct rs_node_risk {
    uint32_t risk; /* 1 - (1 - spread)(1 - oddity)(1 - ring_score) */
    uint32_t spread;
    uint32_t oddity;
    uint32_t ring_score; /* its group's score beyond chance x membership; its company if more */
    uint32_t ring;       /* index in rings, or RS_NO_RING */
} rs_node_risk;

typedef struct rs_findings {
    size_t ring_count;
    rs_ring *rings; /* descending by score, ties by id */
    rs_ring_member *members;
    rs_ring_thing *things;
    rs_reason *reasons;
    rs_fact *facts;
    uint32_t *fact_users;
    size_t paid_count, victim_count;
    rs_ring_paid *paid;
    rs_ring_victim *victims;
    size_t hold_count, alone_count;
    rs_ring_hold *holds;
    uint32_t *alone; /* members */
    size_t tied_count, tie_count;
    rs_member_ties *member_ties; /* of the first tied_count members: those of the first 100 rings */
    rs_ring_tie *ties;
    rs_ring_id *from;
    size_t gone_count;
    rs_gone_ring *gone;  /* rings of the night before that are none of tonight, by id */
    rs_node_risk *nodes; /* one for each node of the graph */
    rs_ids *ids;         /* of the members of the rings */
    rs_detect_counts detect;
    uint64_t *evidence_by_kind; /* links, rs_evidence_kind_count() entries */
    size_t hub_count;
    rs_hub *hubs; /* the most used things that were left out as hubs */
} rs_findings;

RS_API void rs_findings_free(rs_findings *findings);

typedef struct rs_score_options {
    uint32_t min_score; /* millionths: groups below are no rings of the findings */
    uint32_t facts_max; /* facts kept for each reason */
    uint32_t trim; /* a member that is held by less than 1/trim of the group's mean is dropped */
    uint32_t steady_max; /* the first so many rings get a stability; 0: none */
} rs_score_options;
#define RS_SCORE_DEFAULTS                                                                          \
    {                                                                                              \
        .min_score = 10000, .facts_max = 12, .trim = 5, .steady_max = 100                          \
    }

/* What scoring works on; all lent. `spread` is rs_spread's answer, one entry a node. */
typedef struct rs_score_input {
    const rs_graph *graph;
    const rs_evidence *evidence;
    const rs_evidence_graph *collapsed;
    const uint32_t *label;    /* rs_detect's answer for `collapsed` */
    uint32_t resolution;      /* that it was asked with */
    const rs_list *blacklist; /* NULL: nobody */
    const rs_list *whitelist;
    const int64_t *seed; /* rs_seeds's answer for both, one entry a node */
    const int64_t *spread;
    const uint32_t *oddity; /* rs_oddity's answer, one entry a subject */
    uint32_t pairs_max;     /* as the evidence was found with, and the windows */
    uint32_t window_s;
    uint32_t pass_window_s;
} rs_score_input;

/* Communities -> rings with scores and reasons, and the risk of every node
 * (docs/algorithms/score.md). Fills all of *out but detect, evidence_by_kind and hubs' owner fields
 * as documented above; the caller frees it with rs_findings_free. RS_ENOMEM, RS_EINTERRUPTED, and
 * the store's errors. */
RS_API RS_MUST_USE rs_status rs_score(const rs_score_input *input, const rs_score_options *options,
                                      const rs_work *work, rs_findings *out, rs_error *err);

/* The most that oddity alone can make of a risk, millionths: it ranks, it does not accuse. */
#define RS_ODDITY_MAX UINT32_C(100000)
/* How unusual each subject's own counts are in the data's own distribution: oddity[v] for each
 * subject, 0 .. RS_ODDITY_MAX. RS_ENOMEM, RS_EINTERRUPTED, the store's errors. Cost: O(edges) a
 * relation. */
RS_API RS_MUST_USE rs_status rs_oddity(const rs_graph *graph, const rs_work *work, uint32_t *oddity,
                                       rs_error *err);

/* One count of an account that stands out. */
typedef struct rs_odd_count {
    char name[96]; /* "uses_card: distinct", "pays: amount sent", "ip_count", ... */
    int64_t value;
    uint8_t decimals; /* digits behind the value's point */
    uint32_t tail;    /* millionths of the subjects that have at least as much */
} rs_odd_count;
/* The counts of one subject that stand out most, smallest tail first; at most `capacity`. Costs as
 * much as rs_oddity. */
RS_API RS_MUST_USE rs_status rs_oddity_explain(const rs_graph *graph, const rs_work *work,
                                               uint32_t subject, rs_odd_count *out, size_t capacity,
                                               size_t *count, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
