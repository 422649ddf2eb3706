/* kinds.c - the table of evidence kinds, and the run over all relations.
 *
 * One task per (kind, relation), side by side; their links are put one after the other in the order
 * of the relations and then of the table, and sorted, so that nothing depends on the threads.
 *
 * Memory: what things have users (12 bytes a thing, 8 a use, twice as much of one relation for a
 * moment) and the links (28 bytes) stay; a relation's events in time (64 bytes each) are there for
 * one relation at a time; putting the links in order takes 44 more bytes
 * a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "evidence/entity.h"

static const rsi_kind *const kinds[] = {&rsi_shared_thing, &rsi_shared_place, &rsi_same_window,
                                        &rsi_lockstep,     &rsi_relay,        &rsi_cycle};
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
    rsi_link_list *lists; /* relation_count * KIND_COUNT */
    rs_timeline timeline; /* of the relation at hand */
    rsi_passes passes;    /* of it */
    uint64_t memory_bytes;
    atomic_uint_fast64_t held_bytes; /* of these */
} search;

/* For calls from a worker, which may not report: what is left of the budget. */
static rs_work quiet_work(const search *s, unsigned threads)
{
    uint64_t held = atomic_load(&s->held_bytes);
    uint64_t left = s->memory_bytes > held ? s->memory_bytes - held : 1; /* 0: no limit */
    return (rs_work){.threads = threads, .memory_bytes = s->memory_bytes == 0 ? 0 : left};
}

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
    rs_work quiet = quiet_work(s, 1);
    rs_groups *groups = &s->out->groups[index];
    rs_status status = rs_graph_groups(s->graph, index, groups, &quiet, err);
    atomic_fetch_add(&s->held_bytes, groups->use_count * 8 + (uint64_t)groups->count * 12);
    return status;
}

/* Side by side where all of them fit at once, else one after the other. */
static rs_status group_relations(search *s, const rs_work *work, rs_error *err)
{
    rs_work here = {.threads = work != NULL ? work->threads : 1};
    uint64_t most = 0;
    for (size_t r = 0; r < s->out->relation_count; r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), r);
        most += rsi_ties_things(s->graph, &info) ? 16 * info.edge_count : 0;
    }
    if (s->memory_bytes != 0 && most > s->memory_bytes) {
        here.threads = 1;
    }
    return rsi_parallel(&here, s->out->relation_count, group_relation, s, err);
}

/* `index` counts kinds within relations. */
static rs_status search_kind(search *s, size_t index, rs_error *err)
{
    rs_status status = RS_OK;
    size_t relation = index / KIND_COUNT;
    size_t kind = index % KIND_COUNT;
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), relation);
    rs_work quiet = quiet_work(s, 1);
    rsi_kind_input input = {.graph = s->graph,
                            .options = s->options,
                            .info = info,
                            .relation = (uint16_t)relation,
                            .kind = (uint16_t)kind,
                            .groups = &s->out->groups[relation],
                            .timeline = &s->timeline,
                            .passes = &s->passes};
    if (kinds[kind]->reads(s->graph, &info)) {
        RS_TRY(kinds[kind]->find(&input, &quiet, &s->lists[index], err));
    }
done:
    return rs_context(err, status, "evidence \"%s\" of relation \"%s\"", kinds[kind]->name,
                      info.name);
}

static bool is_timed(const search *s, size_t relation)
{
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), relation);
    return rsi_is_timed_act(s->graph, &info);
}

static rs_status search_untimed(void *context, size_t index, unsigned worker, rs_error *err)
{
    search *s = context;
    (void)worker;
    return is_timed(s, index / KIND_COUNT) ? RS_OK : search_kind(s, index, err);
}

/* What the threads share while one relation is looked at in time. */
typedef struct timed_search {
    search *all;
    size_t relation;
} timed_search;

static rs_status search_timed(void *context, size_t index, unsigned worker, rs_error *err)
{
    const timed_search *t = context;
    (void)worker;
    return search_kind(t->all, t->relation * KIND_COUNT + index, err);
}

/* What happens in time, one relation after the other: each uses all threads, and much memory. */
static rs_status search_in_time(search *s, size_t relation, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_work quiet = quiet_work(s, work != NULL ? work->threads : 1);
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), relation);
    timed_search t = {.all = s, .relation = relation};
    uint64_t held = 0;
    RS_TRY(rs_graph_timeline(s->graph, relation, &s->timeline, &quiet, err));
    if (rsi_is_timed_payment(s->graph, &info)) {
        RS_TRY(rsi_passes_find(&s->timeline, s->options->pass_window_s,
                               rs_graph_subject_count(s->graph), &quiet, &s->passes, err));
    }
    held = s->timeline.count * (2 * sizeof(rs_event)) + s->passes.count * sizeof(rsi_pass);
    atomic_fetch_add(&s->held_bytes, held);
    RS_TRY(rsi_parallel(&quiet, KIND_COUNT, search_timed, &t, err));
done:
    atomic_fetch_sub(&s->held_bytes, held);
    rs_timeline_free(&s->timeline);
    rsi_passes_free(&s->passes);
    return status;
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
    search s = {.graph = graph,
                .options = options,
                .out = out,
                .memory_bytes = work != NULL ? work->memory_bytes : 0};
    s.lists = calloc(lists + 1, sizeof *s.lists);
    out->groups = calloc(out->relation_count + 1, sizeof *out->groups);
    if (s.lists == NULL || out->groups == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", out->relation_count);
        goto done;
    }
    RS_TRY(rs_work_report(work, "evidence", "steps", 0, 4, err));
    for (size_t r = 0; r < out->relation_count; r++) { /* first, while nothing else is held */
        if (is_timed(&s, r)) {
            RS_TRY(search_in_time(&s, r, work, err));
        }
    }
    RS_TRY(rs_work_report(work, "evidence", "steps", 1, 4, err));
    RS_TRY(group_relations(&s, work, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 2, 4, err));
    RS_TRY(rsi_parallel(work, lists, search_untimed, &s, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 3, 4, err));
    RS_TRY(join_links(&s, lists, err));
    RS_TRY(rsi_entities(graph, options->identity_max, out, err));
    RS_TRY(join_hubs(&s, lists, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 4, 4, err));
done:
    for (size_t i = 0; s.lists != NULL && i < lists; i++) {
        rsi_link_list_free(&s.lists[i]);
    }
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
