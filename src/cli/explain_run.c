/* explain_run.c - an explanation from what the run kept: it reads only what it visits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "report/trace.h"

static rs_status read_finding(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rsi_traced_finding found;
    rs_status status = rsi_traced_finding_of(traced, why->node, &found, err);
    if (status == RS_OK) {
        why->line = found.line;
        why->ring_members = found.ring_members;
        why->ring_score = found.ring_whole;
        why->membership = found.membership;
        why->role = found.role;
    }
    return status;
}

static rs_status add_relation(rsi_why *why, rsi_traced *traced, size_t relation, bool from,
                              uint64_t edges, uint64_t peers, rs_error *err)
{
    rsi_traced_relation info = rsi_traced_relation_at(traced, relation);
    rsi_why_relation *side = &why->relations[why->relation_count];
    if (edges == 0) {
        return RS_OK;
    }
    *side = (rsi_why_relation){.from = from,
                               .other_type = from ? info.dst_type : info.src_type,
                               .edge_count = edges,
                               .peer_count = peers};
    why->relation_count++;
    return rsi_why_copy(&side->label, info.label, strlen(info.label), err);
}

static rs_status add_sides(rsi_why *why, rsi_traced *traced, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    for (int end = 0; end < 2; end++) {
        uint64_t edges = 0, peers = 0;
        RS_TRY(rsi_traced_side(traced, relation, end, why->node, &edges, &peers, err));
        RS_TRY(add_relation(why, traced, relation, end == 0, edges, peers, err));
    }
done:
    return status;
}

/* Who uses the thing through a relation. */
static rs_status add_uses(rsi_why *why, rsi_traced *traced, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced_uses uses;
    const rsi_view *view = rsi_traced_view(traced);
    rsi_traced_relation info = rsi_traced_relation_at(traced, relation);
    RS_TRY(rsi_traced_uses_of(traced, relation, why->node, &uses, err));
    RS_TRY(add_relation(why, traced, relation, strcmp(info.src_type, why->type) == 0, uses.events,
                        uses.users, err));
    why->users_in_all = uses.users > why->users_in_all ? uses.users : why->users_in_all;
    for (size_t i = 0; i < uses.largest_count; i++) {
        rsi_view_row user;
        RS_TRY(view->row(view->context, uses.largest[i], &user, err));
        rsi_why_keep_user(why, (rsi_why_user){.node = uses.largest[i], .spread = user.risk});
    }
done:
    return status;
}

static rs_status read_relations(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = rsi_traced_relation_count(traced);
    bool first = true;
    why->relations = calloc(2 * count + 1, sizeof *why->relations);
    if (why->relations == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(rsi_why_add_plain(why, "", true, err));
    for (size_t r = 0; r < count; r++) {
        rsi_traced_relation info = rsi_traced_relation_at(traced, r);
        if (why->node < why->subjects) {
            RS_TRY(add_sides(why, traced, r, err));
        } else {
            RS_TRY(add_uses(why, traced, r, err));
        }
        if (rsi_traced_is_plain(traced, r)) {
            RS_TRY(rsi_why_add_plain(why, info.name, first, err));
            first = false;
        }
    }
done:
    return status;
}

static rs_status read_tie(rsi_why_tie *tie, rsi_traced *traced, uint32_t a, uint32_t b,
                          rs_error *err)
{
    rs_status status = RS_OK;
    bool there = false;
    rsi_traced_link link;
    tie->thing = RS_NO_NODE;
    RS_TRY(rsi_traced_link_of(traced, a, b, &there, &link, err));
    if (!there) {
        return RS_OK;
    }
    tie->kind = rs_evidence_kind_name(link.kind);
    tie->thing = link.thing;
    if (link.relation < rsi_traced_relation_count(traced)) {
        const char *label = rsi_traced_relation_at(traced, link.relation).label;
        RS_TRY(rsi_why_copy(&tie->label, label, strlen(label), err));
    }
done:
    return status;
}

static rs_status read_ties(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < why->spread.path_count; i++) {
        const rs_path *path = &why->spread.paths[i];
        for (uint32_t k = 1; k < path->length; k++) {
            RS_TRY(read_tie(&why->ties[i][k - 1], traced, path->nodes[k - 1], path->nodes[k], err));
        }
    }
done:
    return status;
}

static rs_status read_name(rsi_why_node *named, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    bool there = false;
    rs_text text;
    RS_TRY(rsi_traced_id(traced, named->node, &text, err));
    RS_TRY(rsi_why_copy(&named->id, text.bytes, text.length, err));
    named->id_length = text.length;
    named->type = rsi_traced_type(traced, named->node);
    RS_TRY(rsi_traced_listed(traced, RSI_TRACE_BLACK, named->node, &there, &text, err));
    named->list = there ? "blacklisted" : NULL;
    if (!there) {
        RS_TRY(rsi_traced_listed(traced, RSI_TRACE_WHITE, named->node, &there, &text, err));
        named->list = there ? "whitelisted" : NULL;
    }
    if (there) {
        RS_TRY(rsi_why_copy(&named->reason, text.bytes, text.length, err));
    }
done:
    return status;
}

static rs_status read_names(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < 2 * why->node_count; i++) { /* all of them, and all once more */
        rsi_traced_expect_place(traced, why->nodes[i % why->node_count].node);
    }
    for (size_t i = 0; i < why->node_count; i++) {
        rsi_traced_expect_id(traced, why->nodes[i].node);
    }
    for (size_t i = 0; i < why->node_count; i++) {
        RS_TRY(read_name(&why->nodes[i], traced, err));
    }
done:
    return status;
}

static rs_status read_all(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    rs_spread_options options = rsi_traced_options(traced);
    RS_TRY(read_finding(why, traced, err));
    RS_TRY(read_relations(why, traced, err));
    const rsi_view *view = rsi_traced_view(traced);
    rsi_view_row own;
    RS_TRY(view->row(view->context, why->node, &own, err));
    RS_TRY(rsi_view_explain(view, &options, why->node, rsi_why_tolerance(own.risk), RSI_REACH_QUICK,
                            &why->spread, err));
    if (why->line.oddity > 0) {
        RS_TRY(rsi_traced_odd(traced, why->node, why->odd, RSI_WHY_ODD_MAX, &why->odd_count, err));
    }
    RS_TRY(read_ties(why, traced, err));
    RS_TRY(rsi_why_gather(why, err));
    RS_TRY(read_names(why, traced, err));
done:
    return status;
}

/* Whether the store has a thing of that id: the run found no risk for it then, and kept nothing. */
static rs_status find_thing(const rsi_why *why, const rs_store *store, bool *there, rs_error *err)
{
    uint32_t dense = RS_NO_NODE;
    size_t type = rs_store_type_named(store, why->type);
    rs_status status = RS_OK;
    if (type != SIZE_MAX && !rs_store_type(store, type).subject) {
        status = rs_store_find(store, type, why->id, &dense, err);
    }
    *there = dense != RS_NO_NODE;
    return status;
}

rs_status rsi_why_from_run(rsi_why *why, const char *store_path, const rs_store *store,
                           bool *done_it, rs_error *err)
{
    rs_status status = RS_OK;
    *done_it = false;
    RS_TRY(rsi_traced_open(&why->traced, store_path, &why->run, err));
    if (why->traced == NULL) {
        return RS_OK;
    }
    why->subjects = rsi_traced_subjects(why->traced);
    RS_TRY(rsi_traced_find(why->traced, rsi_text(why->type), why->id, &why->node, err));
    if (why->node != RS_NO_NODE) {
        RS_TRY(read_all(why, why->traced, err));
    } else {
        bool there = false;
        RS_TRY(find_thing(why, store, &there, err));
        if (!there) {
            status = rs_fail(err, RS_ENOTFOUND, "the run knows no %s \"%.*s\"", why->type,
                             (int)why->id.length, why->id.bytes);
            goto done;
        }
        RS_TRY(rsi_why_gather(why, err));
    }
    *done_it = true;
done:
    return status;
}
