/* cluster.c - one ring as one line of JSON.
 *
 * Pure output: ids stand in the present window of the source. Numbers are written from integers, so
 * that no digit depends on a machine's floating point.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <string.h>

#include "base/decimal.h"
#include "graph/wide.h"
#include "report/report.h"

void rsi_write_node(rsi_out *out, const rsi_source *source, uint32_t node)
{
    rsi_out_string(out, "{\"type\":");
    rsi_out_json_string(out, rs_graph_range_of(source->graph, node).type);
    rsi_out_string(out, ",\"id\":");
    rsi_out_json(out, rs_ids_of(source->ids, node));
}

enum { AHEAD = 16, NEAR = 8 };

/* Nodes of a ring lie anywhere: what is written of them is asked for before their turn. */
static void expect(const rsi_source *source, uint32_t far, uint32_t near)
{
    rs_ids_expect(source->ids, far, near);
    __builtin_prefetch(&source->findings->nodes[far]);
}

static void put_flag(rsi_out *out, const char *key, bool flag)
{
    rsi_out_string(out, key);
    rsi_out_string(out, flag ? "true" : "false");
}

static void put_millionths(rsi_out *out, const char *key, uint32_t millionths)
{
    rsi_out_string(out, key);
    rsi_out_millionths(out, millionths);
}

static void put_number(rsi_out *out, const char *key, uint64_t number)
{
    rsi_out_string(out, key);
    rsi_out_count(out, number);
}

static void write_tie(rsi_out *out, const rsi_source *source, const rs_ring_tie *tie)
{
    rsi_out_string(out, "{\"kind\":");
    rsi_out_json_string(out, tie->kind < rs_evidence_kind_count() ? rs_evidence_kind_name(tie->kind)
                                                                  : "unknown");
    if (tie->relation < source->label_count) {
        rsi_out_string(out, ",\"relation\":");
        rsi_out_json_string(out, source->labels[tie->relation]);
    }
    rsi_out_string(out, ",\"with\":");
    rsi_write_node(out, source, tie->node);
    if (tie->thing != RS_NO_NODE) {
        rsi_out_string(out, "},\"thing\":");
        rsi_write_node(out, source, tie->thing);
    }
    put_millionths(out, "},\"weight\":", tie->weight);
    rsi_out_string(out, "}");
}

/* The fewest links that make it a member, where they were looked for. */
static void write_ties(rsi_out *out, const rsi_source *source, const rs_ring_member *member)
{
    const rs_findings *findings = source->findings;
    size_t number = (size_t)(member - findings->members);
    if (number >= findings->tied_count || findings->member_ties[number].count == 0) {
        return;
    }
    const rs_member_ties *ties = &findings->member_ties[number];
    rsi_out_string(out, ",\"ties\":[");
    for (uint32_t i = 0; i < ties->count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_tie(out, source, &findings->ties[ties->first + i]);
    }
    rsi_out_string(out, "]");
    if (ties->needed > ties->count) {
        put_number(out, ",\"more_ties\":", ties->needed - ties->count);
    }
}

static void write_member(rsi_out *out, const rsi_source *source, const rs_ring_member *member)
{
    rsi_write_node(out, source, member->node);
    put_millionths(out, ",\"risk\":", source->findings->nodes[member->node].risk);
    put_millionths(out, ",\"membership\":", member->membership);
    put_flag(out, ",\"known\":", member->known);
    if (member->cleared || member->disputed) {
        put_flag(out, member->cleared ? ",\"cleared\":" : ",\"disputed\":", true);
    }
    rsi_out_string(out, ",\"role\":");
    rsi_out_json_string(out, rs_role_name(member->role));
    write_ties(out, source, member);
    rsi_out_string(out, "}");
}

static void write_thing(rsi_out *out, const rsi_source *source, const rs_ring_thing *thing)
{
    rsi_write_node(out, source, thing->node);
    put_millionths(out, ",\"risk\":", source->findings->nodes[thing->node].risk);
    put_flag(out, ",\"known\":", rsi_list_has(source->options->blacklist, thing->node));
    put_number(out, ",\"shared_by\":", thing->shared_by);
    rsi_out_string(out, "}");
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* A sum of what a relation brought, if it has any. */
static void write_amount(rsi_out *out, const rsi_source *source, uint16_t relation, rs_sum amount)
{
    rs_relation_info info = rs_store_relation(rs_graph_store(source->graph), relation);
    char digits[RSI_DECIMAL_WIDE_MAX];
    if (rsi_wide_is_none(amount)) {
        return;
    }
    rsi_out_string(out, ",\"amount\":\"");
    rsi_out_bytes(out, digits,
                  rsi_decimal_format_wide(amount.high, amount.low, info.decimals, digits));
    rsi_out_string(out, "\"");
    if (info.currency[0] != '\0') {
        rsi_out_string(out, ",\"currency\":");
        rsi_out_json_string(out, info.currency);
    }
}

/* When it happened, and what it came to. */
static void write_when(rsi_out *out, const rsi_source *source, const rs_fact *fact)
{
    if (fact->first != RS_NO_TIME) {
        rsi_out_string(out, ",\"first\":\"");
        rsi_out_time(out, fact->first);
        rsi_out_string(out, "\",\"last\":\"");
        rsi_out_time(out, fact->last);
        rsi_out_string(out, "\"");
    }
    write_amount(out, source, fact->relation, fact->amount);
}

/* Users `first` .. `end`-1 of a fact: all of one type. */
static void write_fact(rsi_out *out, const rsi_source *source, const rs_fact *fact, uint32_t first,
                       uint32_t end)
{
    const uint32_t *users = source->findings->fact_users + fact->user_first;
    uint32_t users_max = source->options->users_max;
    uint32_t named = end - first < users_max ? end - first : users_max;
    rsi_out_string(out, "{\"relation\":");
    if (fact->relation < source->label_count) {
        rsi_out_json_string(out, source->labels[fact->relation]);
    } else {
        rsi_out_string(out, "null");
    }
    rsi_out_string(out, ",\"thing\":");
    if (fact->thing != RS_NO_NODE) {
        rsi_write_node(out, source, fact->thing);
        rsi_out_string(out, "}");
    } else {
        rsi_out_string(out, "null");
    }
    rsi_out_string(out, ",\"user_type\":");
    if (first < end) {
        rsi_out_json_string(out, rs_graph_range_of(source->graph, users[first]).type);
    } else {
        rsi_out_string(out, "null");
    }
    rsi_out_string(out, ",\"users\":[");
    for (uint32_t i = 0; i < named; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_out_json(out, rs_ids_of(source->ids, users[first + i]));
    }
    rsi_out_string(out, "]");
    if (named < end - first) {
        put_number(out, ",\"more\":", end - first - named);
    }
    put_number(out, ",\"events\":", fact->event_count);
    if (fact->in_time) {
        write_when(out, source, fact);
    }
    rsi_out_string(out, "}");
}

/* A fact whose users are of several types is written once for each run of one type. */
static void write_fact_by_type(rsi_out *out, const rsi_source *source, const rs_fact *fact)
{
    const uint32_t *users = source->findings->fact_users + fact->user_first;
    if (fact->user_count == 0) {
        write_fact(out, source, fact, 0, 0);
    }
    for (uint32_t first = 0; first < fact->user_count;) {
        rs_node_range range = rs_graph_range_of(source->graph, users[first]);
        uint32_t end = first + 1;
        while (end < fact->user_count && users[end] >= range.first &&
               users[end] - range.first < range.count) {
            end++;
        }
        rsi_out_string(out, first == 0 ? "" : ",");
        write_fact(out, source, fact, first, end);
        first = end;
    }
}

static void write_reason(rsi_out *out, const rsi_source *source, const rs_ring *ring,
                         const rs_reason *reason)
{
    rsi_out_string(out, "{\"kind\":");
    rsi_out_json_string(out, reason->kind);
    put_millionths(out, ",\"weight\":", reason->weight);
    rsi_out_string(out, ",\"text\":");
    rsi_write_sentence(out, source, ring, reason);
    put_number(out, ",\"members\":", reason->member_count);
    put_number(out, ",\"things\":", reason->thing_count);
    rsi_out_string(out, ",\"facts\":[");
    for (size_t i = 0; i < reason->fact_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_fact_by_type(out, source, &source->findings->facts[reason->fact_first + i]);
    }
    rsi_out_string(out, "]}");
}

/* ---- what holds it together ------------------------------------------------------------------ */

static void write_hold(rsi_out *out, const rsi_source *source, const rs_ring_hold *hold)
{
    const uint32_t *alone = source->findings->alone + hold->alone_first;
    rsi_write_node(out, source, hold->thing);
    put_number(out, ",\"parts\":", hold->part_count);
    put_number(out, ",\"cut\":", hold->cut_count);
    put_number(out, ",\"alone\":", hold->alone_count);
    rsi_out_string(out, ",\"members\":[");
    for (uint32_t i = 0; i < hold->listed_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_write_node(out, source, alone[i]);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]}");
}

static void write_holds(rsi_out *out, const rsi_source *source, const rs_ring *ring)
{
    if (ring->hold_count == 0) {
        return;
    }
    rsi_out_string(out, ",\"holds\":[");
    for (size_t i = 0; i < ring->hold_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_hold(out, source, &source->findings->holds[ring->hold_first + i]);
    }
    rsi_out_string(out, "]");
}

/* ---- who only paid it ------------------------------------------------------------------------ */

static void write_paid(rsi_out *out, const rsi_source *source, const rs_ring_paid *paid)
{
    const rs_ring_victim *victims = source->findings->victims + paid->victim_first;
    rsi_out_string(out, "{\"relation\":");
    rsi_out_json_string(out, source->labels[paid->relation]);
    put_number(out, ",\"count\":", paid->victim_count);
    put_number(out, ",\"payments\":", paid->payment_count);
    write_amount(out, source, paid->relation, paid->amount);
    rsi_out_string(out, ",\"people\":[");
    for (uint32_t i = 0; i < paid->listed_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_write_node(out, source, victims[i].node);
        put_number(out, ",\"payments\":", victims[i].payment_count);
        write_amount(out, source, paid->relation, victims[i].amount);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]}");
}

static void write_victims(rsi_out *out, const rsi_source *source, const rs_ring *ring)
{
    if (ring->paid_count == 0) {
        return;
    }
    rsi_out_string(out, ",\"victims\":[");
    for (size_t i = 0; i < ring->paid_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_paid(out, source, &source->findings->paid[ring->paid_first + i]);
    }
    rsi_out_string(out, "]");
}

/* ---- the ring -------------------------------------------------------------------------------- */

static bool weights_sum_to_one(const rs_findings *findings, const rs_ring *ring)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ring->reason_count; i++) {
        sum += findings->reasons[ring->reason_first + i].weight;
    }
    return sum == RS_MILLION || ring->reason_count == 0;
}

static void write_stability(rsi_out *out, uint32_t stability)
{
    if (stability == RS_NO_STABILITY) {
        rsi_out_string(out, ",\"stability\":null");
    } else {
        put_millionths(out, ",\"stability\":", stability);
    }
}

static void write_lineage(rsi_out *out, const rs_findings *findings, const rs_ring *ring)
{
    rsi_out_string(out, ",\"lineage\":{\"event\":");
    rsi_out_json_string(out, rs_ring_event_name(ring->event));
    rsi_out_string(out, ",\"from\":[");
    for (size_t i = 0; i < ring->from_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_out_json_string(out, findings->from[ring->from_first + i].text);
    }
    rsi_out_string(out, "]}");
}

static void write_since(rsi_out *out, int64_t since)
{
    rsi_out_string(out, ",\"since\":");
    if (since == RS_NO_TIME) {
        rsi_out_string(out, "null");
        return;
    }
    rsi_out_string(out, "\"");
    rsi_out_date(out, since);
    rsi_out_string(out, "\"");
}

void rsi_write_cluster(rsi_out *out, const rsi_source *source, const rs_ring *ring)
{
    const rs_findings *findings = source->findings;
    assert(weights_sum_to_one(findings, ring));
    rsi_out_string(out, "{\"id\":");
    rsi_out_json_string(out, ring->id);
    put_millionths(out, ",\"score\":", ring->score);
    write_stability(out, ring->stability);
    write_since(out, ring->since);
    write_lineage(out, findings, ring);
    rsi_out_string(out, ",\"members\":[");
    const rs_ring_member *members = findings->members + ring->member_first;
    for (size_t i = 0; i < ring->member_count; i++) {
        if (i + AHEAD < ring->member_count) {
            expect(source, members[i + AHEAD].node, members[i + NEAR].node);
        }
        rsi_out_string(out, i == 0 ? "" : ",");
        write_member(out, source, &members[i]);
    }
    rsi_out_string(out, "],\"things\":[");
    const rs_ring_thing *things = findings->things + ring->thing_first;
    for (size_t i = 0; i < ring->thing_count; i++) {
        if (i + AHEAD < ring->thing_count) {
            expect(source, things[i + AHEAD].node, things[i + NEAR].node);
        }
        rsi_out_string(out, i == 0 ? "" : ",");
        write_thing(out, source, &things[i]);
    }
    rsi_out_string(out, "],\"reasons\":[");
    for (size_t i = 0; i < ring->reason_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_reason(out, source, ring, &findings->reasons[ring->reason_first + i]);
    }
    rsi_out_string(out, "]");
    write_holds(out, source, ring);
    write_victims(out, source, ring);
    rsi_out_string(out, "}");
}
