/* kinds.c - the table of evidence kinds, and the run over all relations.
 *
 * One task per (kind, relation), side by side; their links are put one after the other in the order
 * of the relations and then of the table, and sorted, so that nothing depends on the threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "evidence/entity.h"

static const rsi_kind *const kinds[] = {&rsi_shared_thing, &rsi_shared_place, &rsi_same_window,
                                        &rsi_lockstep,     &rsi_relay,        &rsi_cycle,
                                        &rsi_co_action};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

size_t rs_evidence_kind_count(void)
{
    return KIND_COUNT;
}

const char *rs_evidence_kind_name(size_t kind)
{
    return kinds[kind]->name;
}

const char *rs_evidence_kind_summary(size_t kind)
{
    return kinds[kind]->summary;
}

bool rs_evidence_kind_in_time(size_t kind)
{
    return kinds[kind]->in_time;
}

rs_status rsi_link_add(rsi_link_list *list, const rsi_kind_input *input, rs_link link,
                       rs_error *err)
{
    if (link.weight == 0) {
        return RS_OK;
    }
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : list->room + list->room / 2;
        rs_link *links = realloc(list->links, room * sizeof *links);
        if (links == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu evidence links)", room);
        }
        list->links = links;
        list->room = room;
    }
    if (link.a > link.b) {
        uint32_t larger = link.a;
        link.a = link.b;
        link.b = larger;
    }
    link.kind = input->kind;
    link.relation = input->relation;
    list->links[list->count++] = link;
    return RS_OK;
}

rs_status rsi_hub_add(rsi_link_list *list, const rsi_kind_input *input, uint32_t thing,
                      uint32_t user_count, rs_error *err)
{
    if (list->hub_count == list->hub_room) {
        size_t room = list->hub_room == 0 ? 64 : list->hub_room * 2;
        rs_hub *hubs = realloc(list->hubs, room * sizeof *hubs);
        if (hubs == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu hubs)", room);
        }
        list->hubs = hubs;
        list->hub_room = room;
    }
    list->hubs[list->hub_count++] = (rs_hub){
        .thing = thing, .relation = input->relation, .kind = input->kind, .user_count = user_count};
    return RS_OK;
}

void rsi_link_list_free(rsi_link_list *list)
{
    free(list->links);
    free(list->hubs);
    *list = (rsi_link_list){0};
}

/* ---- the run -----------------------------------------------------------------------------------
 */

typedef struct search {
    const rs_graph *graph;
    const rs_evidence_options *options;
    rs_evidence *out;
    rsi_link_list *lists;   /* relation_count * KIND_COUNT */
    rs_timeline *timelines; /* by relation */
    rsi_passes *passes;     /* by relation */
    rs_work quiet;          /* for calls from a worker: they may not report */
} search;

static bool is_subject(const rs_graph *graph, uint32_t type)
{
    return rs_store_type(rs_graph_store(graph), type).subject;
}

bool rsi_ties_things(const rs_graph *graph, const rs_relation_info *info)
{
    return is_subject(graph, info->src_type) != is_subject(graph, info->dst_type) &&
           (info->kind == RS_KIND_SHARED || info->kind == RS_KIND_IDENTITY);
}

bool rsi_is_timed_act(const rs_graph *graph, const rs_relation_info *info)
{
    return (info->kind == RS_KIND_PAYMENT || info->kind == RS_KIND_ACTION) &&
           info->time_min != RS_NO_TIME && is_subject(graph, info->src_type);
}

bool rsi_is_timed_payment(const rs_graph *graph, const rs_relation_info *info)
{
    return info->kind == RS_KIND_PAYMENT && info->src_type == info->dst_type &&
           rsi_is_timed_act(graph, info);
}

static rs_status group_relation(void *context, size_t index, unsigned worker, rs_error *err)
{
    search *s = context;
    (void)worker;
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), index);
    if (!rsi_ties_things(s->graph, &info)) {
        return RS_OK;
    }
    return rs_graph_groups(s->graph, index, &s->out->groups[index], &s->quiet, err);
}

/* What happens in time, relation after relation: each uses all threads. */
static rs_status order_in_time(search *s, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_work silent = {.threads = work != NULL ? work->threads : 1,
                      .memory_bytes = work != NULL ? work->memory_bytes : 0};
    for (size_t r = 0; r < s->out->relation_count; r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), r);
        if (rsi_is_timed_act(s->graph, &info)) {
            RS_TRY(rs_graph_timeline(s->graph, r, &s->timelines[r], &silent, err));
        }
        if (rsi_is_timed_payment(s->graph, &info)) {
            RS_TRY(rsi_passes_find(&s->timelines[r], s->options->pass_window_s,
                                   rs_graph_subject_count(s->graph), &silent, &s->passes[r], err));
        }
    }
done:
    return status;
}

static rs_status search_relation(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    search *s = context;
    (void)worker;
    size_t relation = index / KIND_COUNT;
    size_t kind = index % KIND_COUNT;
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), relation);
    if (!kinds[kind]->reads(s->graph, &info)) {
        return RS_OK;
    }
    rsi_kind_input input = {.graph = s->graph,
                            .options = s->options,
                            .info = info,
                            .relation = (uint16_t)relation,
                            .kind = (uint16_t)kind,
                            .groups = &s->out->groups[relation],
                            .timeline = &s->timelines[relation],
                            .passes = &s->passes[relation]};
    RS_TRY(kinds[kind]->find(&input, &s->quiet, &s->lists[index], err));
done:
    return rs_context(err, status, "evidence \"%s\" of relation \"%s\"", kinds[kind]->name,
                      info.name);
}

static int by_user_count(const void *left, const void *right)
{
    const rs_hub *a = left;
    const rs_hub *b = right;
    if (a->user_count != b->user_count) {
        return a->user_count > b->user_count ? -1 : 1;
    }
    if (a->thing != b->thing) {
        return a->thing < b->thing ? -1 : 1;
    }
    return (a->relation > b->relation) - (a->relation < b->relation);
}

/* The hubs of all lists beside those that are there (identities), in their order. */
static rs_status join_hubs(const search *s, size_t list_count, rs_error *err)
{
    rs_evidence *out = s->out;
    size_t total = out->hub_count;
    for (size_t i = 0; i < list_count; i++) {
        total += s->lists[i].hub_count;
    }
    rs_hub *hubs = realloc(out->hubs, (total + 1) * sizeof *hubs);
    if (hubs == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu hubs)", total);
    }
    out->hubs = hubs;
    for (size_t i = 0; i < list_count; i++) {
        if (s->lists[i].hub_count > 0) {
            memcpy(hubs + out->hub_count, s->lists[i].hubs, s->lists[i].hub_count * sizeof *hubs);
            out->hub_count += s->lists[i].hub_count;
        }
    }
    qsort(out->hubs, out->hub_count, sizeof *out->hubs, by_user_count);
    return RS_OK;
}

/* All lists in one array, by (a, b), equal ones in the order of the lists. Frees the lists. */
static rs_status join_links(const search *s, size_t list_count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *order = NULL;
    rs_link *joined = NULL;
    size_t total = 0;
    for (size_t i = 0; i < list_count; i++) {
        total += s->lists[i].count;
    }
    order = malloc((total + 1) * sizeof *order);
    joined = malloc((total + 1) * sizeof *joined);
    if (order == NULL || joined == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu evidence links)", total);
        goto done;
    }
    size_t at = 0;
    for (size_t i = 0; i < list_count; i++) {
        for (size_t k = 0; k < s->lists[i].count; k++) {
            const rs_link *link = &s->lists[i].links[k];
            order[at++] = (rsi_record){.key = (uint64_t)link->a << 32 | link->b,
                                       .value = (uint64_t)i << 40 | k};
        }
    }
    RS_TRY(rsi_sort_records(order, total, NULL, err));
    for (size_t i = 0; i < total; i++) {
        uint64_t from = order[i].value;
        joined[i] = s->lists[from >> 40].links[from & ((UINT64_C(1) << 40) - 1)];
    }
    s->out->links = joined;
    s->out->link_count = total;
    joined = NULL; /* moved to the evidence */
done:
    free(joined);
    free(order);
    return status;
}

rs_status rs_evidence_find(const rs_graph *graph, const rs_evidence_options *options,
                           const rs_work *work, rs_evidence *out, rs_error *err)
{
    rs_status status = RS_OK;
    *out = (rs_evidence){.relation_count = rs_store_relation_count(rs_graph_store(graph))};
    size_t lists = out->relation_count * KIND_COUNT;
    search s = {.graph = graph, .options = options, .out = out};
    s.quiet = (rs_work){.threads = 1, .memory_bytes = work != NULL ? work->memory_bytes : 0};
    s.lists = calloc(lists + 1, sizeof *s.lists);
    out->groups = calloc(out->relation_count + 1, sizeof *out->groups);
    s.timelines = calloc(out->relation_count + 1, sizeof *s.timelines);
    s.passes = calloc(out->relation_count + 1, sizeof *s.passes);
    if (s.lists == NULL || out->groups == NULL || s.timelines == NULL || s.passes == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", out->relation_count);
        goto done;
    }
    RS_TRY(rs_work_report(work, "evidence", "steps", 0, 3, err));
    RS_TRY(rsi_parallel(work, out->relation_count, group_relation, &s, err));
    RS_TRY(order_in_time(&s, work, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 1, 3, err));
    RS_TRY(rsi_parallel(work, lists, search_relation, &s, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 2, 3, err));
    RS_TRY(join_links(&s, lists, err));
    RS_TRY(rsi_entities(graph, options->identity_max, out, err));
    RS_TRY(join_hubs(&s, lists, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 3, 3, err));
done:
    for (size_t i = 0; s.lists != NULL && i < lists; i++) {
        rsi_link_list_free(&s.lists[i]);
    }
    for (size_t r = 0; s.timelines != NULL && s.passes != NULL && r < out->relation_count; r++) {
        rs_timeline_free(&s.timelines[r]);
        rsi_passes_free(&s.passes[r]);
    }
    free(s.timelines);
    free(s.passes);
    free(s.lists);
    if (status != RS_OK) {
        rs_evidence_free(out);
    }
    return status;
}

void rs_evidence_free(rs_evidence *evidence)
{
    for (size_t i = 0; evidence->groups != NULL && i < evidence->relation_count; i++) {
        rs_groups_free(&evidence->groups[i]);
    }
    free(evidence->groups);
    free(evidence->links);
    free(evidence->hubs);
    free(evidence->entity);
    *evidence = (rs_evidence){0};
}
