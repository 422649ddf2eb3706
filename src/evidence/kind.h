/* kind.h - what a kind of evidence is: one file, one row in the table of kinds.c.
 *
 * To add one: write NAME.c here with its rsi_NAME, add it to the table in kinds.c, describe it in
 * docs/algorithms/evidence.md, test it in tests/unit/evidence/test_NAME.c. Nothing else changes:
 * the report, --help and the documents read the table.
 *
 * A kind looks at one relation at a time, or at all of them, and appends links; it states in its
 * file's header what chance would do (the null model), which innocent groups look the same, and
 * what it costs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_KIND_H
#define RSI_EVIDENCE_KIND_H

#include "base/sort.h"
#include "evidence/passes.h"
#include "evidence/surge.h"
#include "ringscope/evidence.h"

/* Links as a kind finds them; in the order in which it finds them. */
typedef struct rsi_link_list {
    rs_link *links;
    size_t count, room;
    rs_hub *hubs;
    size_t hub_count, hub_room;
    uint32_t *company; /* as rs_evidence has it, NULL where the kind does not say; owned */
} rsi_link_list;

/* What a kind works on. `groups` is filled for relations that tie subjects to things, `timeline`
 * for timed payments and acts of subjects, `passes` for timed payments between subjects; else they
 * are empty. */
typedef struct rsi_kind_input {
    const rs_graph *graph;
    const rs_evidence_options *options;
    rs_relation_info info;
    uint16_t relation;
    uint16_t kind;
    const rs_groups *groups;
    const rs_timeline *timeline;
    const rsi_passes *passes;
    /* By relation, for kinds that look at all of them at once. */
    size_t relation_count;
    const rs_groups *all_groups;
    const rsi_surges *surges;
} rsi_kind_input;

typedef struct rsi_kind {
    const char *name;
    const char *summary;
    bool in_time;   /* what accounts do, rather than what they have: no household explains it */
    bool of_passes; /* looks at `passes` */
    bool spreads; /* uses all threads itself: it is asked last, and fills what others leave idle */
    bool of_all;  /* asked once, after all relations, where it reads any: `relation` is none */
    bool rare;    /* few data have any: named only where it found something */
    /* Whether the kind has something to say about such a relation. */
    bool (*reads)(const rs_graph *graph, const rs_relation_info *info);
    rs_status (*find)(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                      rs_error *err);
} rsi_kind;

extern const rsi_kind rsi_shared_thing;
extern const rsi_kind rsi_shared_place;
extern const rsi_kind rsi_same_window;
extern const rsi_kind rsi_lockstep;
extern const rsi_kind rsi_relay;
extern const rsi_kind rsi_cycle;
extern const rsi_kind rsi_burst;
extern const rsi_kind rsi_fan_in;
extern const rsi_kind rsi_co_action;
extern const rsi_kind rsi_bust_out;
extern const rsi_kind rsi_content;

/* Whether a relation ties a subject type to another one, so that it can be grouped by thing. */
bool rsi_ties_things(const rs_graph *graph, const rs_relation_info *info);
/* Whether a relation says when subjects act on targets; when they pay each other. */
bool rsi_is_timed_act(const rs_graph *graph, const rs_relation_info *info);
bool rsi_is_timed_payment(const rs_graph *graph, const rs_relation_info *info);

/* Append one link between two nodes (either order) through a thing of so many users; weight 0
 * appends nothing. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_link_add(rsi_link_list *list, const rsi_kind_input *input, rs_link link,
                                   rs_error *err);
/* Link the pair behind `hits` (as below) through each of their targets, to which the weight is
 * dealt alike. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_link_targets(const rsi_kind_input *input, const rsi_record *hits,
                                       size_t count, uint64_t weight, rsi_link_list *out,
                                       rs_error *err);
/* Link the pair behind `hits` (key: the pair, the smaller node high; value: target << 32 | surprise
 * in Q20; one a target) through each of their targets: what all but the most surprising one say, in
 * ln N and at most weight_max together, dealt to the targets alike. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_link_hits(const rsi_kind_input *input, const rsi_record *hits,
                                    size_t count, uint64_t weight_max, rsi_link_list *out,
                                    rs_error *err);
RS_MUST_USE rs_status rsi_hub_add(rsi_link_list *list, const rsi_kind_input *input, uint32_t thing,
                                  uint32_t user_count, rs_error *err);
void rsi_link_list_free(rsi_link_list *list);
/* out->links: those of all lists by (a, b), equal ones in the order of the lists. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_links_join(const rsi_link_list *lists, size_t list_count,
                                     uint32_t subjects, const rs_work *work, rs_evidence *out,
                                     rs_error *err);

#endif
