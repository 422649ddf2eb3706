/* head.c - the run and its totals, the part of a report that comes before the rings.
 *
 * Everything here follows from relations, settings, lists and as-of time alone; how rows came in
 * (batches) and how the run went (threads, timings) stand in the sidecar.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "report/report.h"
#include "ringscope/version.h"

void rsi_hex128(rsi_hash128 hash, char text[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        text[i] = digits[hash.high >> (60 - 4 * i) & 15];
        text[16 + i] = digits[hash.low >> (60 - 4 * i) & 15];
    }
    text[32] = '\0';
}

/* ---- relations ------------------------------------------------------------------------------- */

static bool name_repeats(const rs_store *store, size_t relation)
{
    const char *name = rs_store_relation(store, relation).name;
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        if (i != relation && strcmp(rs_store_relation(store, i).name, name) == 0) {
            return true;
        }
    }
    return false;
}

char *rsi_relation_label(const rs_store *store, size_t relation)
{
    rs_relation_info info = rs_store_relation(store, relation);
    if (!name_repeats(store, relation)) {
        return strdup(info.name);
    }
    char *label = NULL;
    int length =
        asprintf(&label, "%s(%s,%s%s%s)", info.name, rs_store_type(store, info.src_type).name,
                 rs_store_type(store, info.dst_type).name, info.currency[0] != '\0' ? "," : "",
                 info.currency);
    return length < 0 ? NULL : label;
}

size_t rs_report_relation(const rs_store *store, rs_text name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < rs_store_relation_count(store) && found == SIZE_MAX; i++) {
        char *label = rsi_relation_label(store, i);
        if (label != NULL && strlen(label) == name.length &&
            memcmp(label, name.bytes, name.length) == 0) {
            found = i;
        }
        free(label);
    }
    return found;
}

/* Edges that the run looked at: those up to its as-of time, and those without a time. */
static rs_status count_edges(const rsi_source *source, size_t relation, uint64_t *count,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    const rs_store *store = rs_graph_store(source->graph);
    rs_relation_info info = rs_store_relation(store, relation);
    int64_t as_of = rs_graph_as_of(source->graph);
    *count = info.edge_count;
    if (as_of == RS_NO_TIME || info.time_max == RS_NO_TIME || info.time_max <= as_of) {
        return RS_OK;
    }
    rs_edges run;
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        for (size_t i = 0; run.time != NULL && i < run.count; i++) {
            *count -= run.time[i] > as_of;
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

/* ---- parts of the totals --------------------------------------------------------------------- */

static void put_key(rsi_out *out, const char *name, bool first)
{
    rsi_out_string(out, first ? "" : ",");
    rsi_out_json_string(out, name);
    rsi_out_string(out, ":");
}

static void put_count(rsi_out *out, const char *name, uint64_t count, bool first)
{
    put_key(out, name, first);
    rsi_out_count(out, count);
}

static void write_nodes(rsi_out *out, const rs_graph *graph)
{
    rsi_out_string(out, "{");
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        rs_node_range range = rs_graph_range(graph, i);
        put_count(out, range.type, range.count, i == 0);
    }
    rsi_out_string(out, "}");
}

static rs_status write_relations(rsi_out *out, const rsi_source *source, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out_string(out, "{");
    for (size_t i = 0; i < source->label_count; i++) {
        uint64_t count;
        RS_TRY(count_edges(source, i, &count, err));
        put_count(out, source->labels[i], count, i == 0);
    }
    rsi_out_string(out, "}");
done:
    return status;
}

static void write_evidence(rsi_out *out, const rs_findings *findings)
{
    rsi_out_string(out, "{");
    for (size_t i = 0; i < rs_evidence_kind_count(); i++) {
        if (findings->evidence_by_kind[i] > 0 || !rs_evidence_kind_rare(i)) {
            put_count(out, rs_evidence_kind_name(i), findings->evidence_by_kind[i], i == 0);
        }
    }
    rsi_out_string(out, "}");
}

static void write_components(rsi_out *out, const rs_detect_counts *counts)
{
    rsi_out_string(out, "{");
    put_count(out, "count", counts->component_count, true);
    put_count(out, "largest", counts->largest, false);
    put_count(out, "plain", counts->plain_count, false);
    put_count(out, "leiden", counts->leiden_count, false);
    put_count(out, "split", counts->split_count, false);
    put_count(out, "communities", counts->community_count, false);
    rsi_out_string(out, "}");
}

static void write_hubs(rsi_out *out, const rsi_source *source)
{
    rsi_out_string(out, "[");
    for (size_t i = 0; i < source->hub_count; i++) {
        const rs_hub *hub = &source->findings->hubs[source->hubs[i]];
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_write_node(out, source, hub->thing);
        put_key(out, "relation", false);
        rsi_out_json_string(out, source->labels[hub->relation]);
        put_count(out, "users", hub->user_count, false);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]");
}

static void write_list(rsi_out *out, const char *name, const rs_list *list, bool first)
{
    static const rs_list empty = {0};
    list = list != NULL ? list : &empty;
    put_key(out, name, first);
    rsi_out_string(out, "{");
    put_count(out, "known", list->count, true);
    put_count(out, "missing", list->missing_count, false);
    put_count(out, "repeated", list->repeated_count, false);
    put_count(out, "future", list->future_count, false);
    rsi_out_string(out, "}");
}

/* Who is listed both ways: how many, and the first of them by name. */
static void write_conflicts(rsi_out *out, const rsi_source *source)
{
    static const rs_conflicts none = {0};
    const rs_conflicts *conflicts = source->options->conflicts;
    conflicts = conflicts != NULL ? conflicts : &none;
    put_count(out, "conflicts", conflicts->count, false);
    put_key(out, "conflict_list", false);
    rsi_out_string(out, "[");
    for (size_t i = 0; i < conflicts->kept_count; i++) {
        rsi_out_string(out, i == 0 ? "{\"blacklisted\":" : ",{\"blacklisted\":");
        rsi_write_node(out, source, conflicts->kept[i].blacklisted);
        rsi_out_string(out, "},\"whitelisted\":");
        rsi_write_node(out, source, conflicts->kept[i].whitelisted);
        rsi_out_string(out, "}}");
    }
    rsi_out_string(out, "]");
}

static void write_lists(rsi_out *out, const rsi_source *source)
{
    rsi_out_string(out, "{");
    write_list(out, "blacklist", source->options->blacklist, true);
    write_list(out, "whitelist", source->options->whitelist, false);
    write_conflicts(out, source);
    rsi_out_string(out, "}");
}

static uint64_t count_suspects(const rsi_source *source)
{
    uint64_t count = 0;
    while (count < source->ring_count && source->findings->rings[count].score >= RS_SUSPECT) {
        count++;
    }
    return count;
}

/* ---- what became of rings -------------------------------------------------------------------- */

/* How many rings have each event; those that died or went into others are none of the clusters. */
static void write_events(rsi_out *out, const rsi_source *source)
{
    uint64_t counts[RS_RING_EVENT_COUNT] = {0};
    const rs_findings *findings = source->findings;
    for (size_t i = 0; i < source->ring_count; i++) {
        counts[findings->rings[i].event]++;
    }
    counts[RS_RING_DIED] = findings->gone_count;
    rsi_out_string(out, "{");
    for (int i = 0; i < RS_RING_EVENT_COUNT; i++) {
        put_count(out, rs_ring_event_name((rs_ring_event)i), counts[i], i == 0);
    }
    rsi_out_string(out, "}");
}

static void write_gone(rsi_out *out, const rs_gone_ring *gone)
{
    rsi_out_string(out, "{\"id\":");
    rsi_out_json_string(out, gone->id.text);
    put_key(out, "into", false);
    if (gone->into.text[0] == '\0') {
        rsi_out_string(out, "null");
    } else {
        rsi_out_json_string(out, gone->into.text);
    }
    put_key(out, "since", false);
    rsi_out_string(out, "\"");
    rsi_out_date(out, gone->since);
    rsi_out_string(out, "\"");
    put_key(out, "score", false);
    rsi_out_millionths(out, gone->score);
    put_count(out, "members", gone->member_count, false);
    rsi_out_string(out, "}");
}

/* ---- the head -------------------------------------------------------------------------------- */

static void write_run(rsi_out *out, const rsi_source *source)
{
    char digest[33];
    rsi_settings_digest(source->options, digest);
    int64_t as_of = rs_graph_as_of(source->graph);
    rsi_out_string(out, "\"run\":{\"as_of\":");
    if (as_of == RS_NO_TIME) {
        rsi_out_string(out, "null");
    } else {
        rsi_out_string(out, "\"");
        rsi_out_time(out, as_of);
        rsi_out_string(out, "\"");
    }
    put_key(out, "settings_digest", false);
    rsi_out_json_string(out, digest);
    if (source->options->model != NULL) {
        put_key(out, "model", false);
        rsi_out_json_string(out, source->options->model);
    }
    put_key(out, "version", false);
    rsi_out_json_string(out, rs_version());
    rsi_out_string(out, "}");
}

static rs_status write_totals(rsi_out *out, const rsi_source *source, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out_string(out, "\"totals\":{");
    put_key(out, "nodes", true);
    write_nodes(out, source->graph);
    put_key(out, "relations", false);
    RS_TRY(write_relations(out, source, err));
    put_key(out, "evidence", false);
    write_evidence(out, source->findings);
    put_key(out, "components", false);
    write_components(out, &source->findings->detect);
    put_count(out, "clusters", source->ring_count, false);
    put_count(out, "suspects", count_suspects(source), false);
    put_key(out, "events", false);
    write_events(out, source);
    put_key(out, "hubs", false);
    write_hubs(out, source);
    put_key(out, "lists", false);
    write_lists(out, source);
    rsi_out_string(out, "}");
done:
    return status;
}

rs_status rsi_write_head(rsi_out *out, const rsi_source *source, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out_string(out, "{\"report\":\"ringscope/1\",\n");
    write_run(out, source);
    rsi_out_string(out, ",\n");
    RS_TRY(write_totals(out, source, err));
    rsi_out_string(out, ",\n\"gone\":[");
    for (size_t i = 0; i < source->findings->gone_count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        write_gone(out, &source->findings->gone[i]);
    }
    rsi_out_string(out, "],\n\"clusters\":[\n");
done:
    return status;
}
