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
        why->line = (rs_risk_line){.risk = found.risk,
                                   .spread = found.spread,
                                   .oddity = found.oddity,
                                   .ring_score = found.ring_score};
        memcpy(why->line.ring, found.ring, sizeof why->line.ring);
        if (found.ring[0] != '\0') {
            why->ring_members = found.ring_members;
            why->ring_score = found.ring_whole;
            why->membership = found.membership;
            why->role = found.role;
        }
    }
    return status;
}

static rs_status add_side(rsi_why *why, rsi_traced *traced, size_t relation, int end, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced_relation info = rsi_traced_relation_at(traced, relation);
    rsi_why_relation *side = &why->relations[why->relation_count];
    *side = (rsi_why_relation){.from = end == 0,
                               .other_type = end == 0 ? info.dst_type : info.src_type};
    RS_TRY(rsi_traced_side(traced, relation, end, why->node, &side->edge_count, &side->peer_count,
                           err));
    if (side->edge_count > 0) {
        RS_TRY(rsi_why_copy(&side->label, info.label, strlen(info.label), err));
        why->relation_count++;
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
        RS_TRY(add_side(why, traced, r, 0, err));
        RS_TRY(add_side(why, traced, r, 1, err));
        if (rsi_traced_is_plain(traced, r)) {
            RS_TRY(rsi_why_add_plain(why, info.name, first, err));
            first = false;
        }
    }
done:
    return status;
}

static rs_status read_users(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t users[RSI_TRACE_USERS_MAX];
    size_t count = 0;
    const rsi_view *view = rsi_traced_view(traced);
    if (why->node < why->subjects) {
        return RS_OK;
    }
    RS_TRY(rsi_traced_users(traced, why->node, &why->users_in_all, users, &count, err));
    for (size_t i = 0; i < count; i++) {
        rsi_view_node user;
        RS_TRY(view->node(view->context, users[i], &user, err));
        rsi_why_keep_user(why, (rsi_why_user){.node = users[i], .spread = user.risk});
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

static rs_status read_all(rsi_why *why, rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    rs_spread_options options = rsi_traced_options(traced);
    RS_TRY(read_finding(why, traced, err));
    RS_TRY(read_relations(why, traced, err));
    const rsi_view *view = rsi_traced_view(traced);
    rsi_view_node own;
    RS_TRY(view->node(view->context, why->node, &own, err));
    RS_TRY(rsi_view_explain(view, &options, why->node, rsi_why_tolerance(own.risk), RSI_REACH_QUICK,
                            &why->spread, err));
    RS_TRY(read_users(why, traced, err));
    if (why->line.oddity > 0) {
        RS_TRY(rsi_traced_odd(traced, why->node, why->odd, RSI_WHY_ODD_MAX, &why->odd_count, err));
    }
    RS_TRY(read_ties(why, traced, err));
    RS_TRY(rsi_why_gather(why, err));
    for (size_t i = 0; i < why->node_count; i++) {
        RS_TRY(read_name(&why->nodes[i], traced, err));
    }
done:
    return status;
}

rs_status rsi_why_from_run(rsi_why *why, const char *store_path, bool *done_it, rs_error *err)
{
    rs_status status = RS_OK;
    *done_it = false;
    RS_TRY(rsi_traced_open(&why->traced, store_path, &why->run, err));
    if (why->traced == NULL) {
        return RS_OK;
    }
    why->subjects = rsi_traced_subjects(why->traced);
    RS_TRY(rsi_traced_find(why->traced, rsi_text(why->type), why->id, &why->node, err));
    if (why->node == RS_NO_NODE) {
        status = rs_fail(err, RS_ENOTFOUND, "the run knows no %s \"%.*s\"", why->type,
                         (int)why->id.length, why->id.bytes);
        goto done;
    }
    RS_TRY(read_all(why, why->traced, err));
    *done_it = true;
done:
    return status;
}
