/* kinds.c - the table of evidence kinds, and the run over all relations.
 *
 * One task a relation, side by side, the largest first; their links are put one after the other in
 * the order of the relations and then of the table, and sorted, so that nothing depends on the
 * threads. They are sorted by a counting sort by their smaller end, and there where they lie.
 *
 * Memory: who uses which thing (12 bytes a thing, 8 a use, twice as much for a moment) and the
 * links (28 bytes, twice as much while they are sorted) stay. Events in time (72 bytes each, with
 * the passes and pairs that are found in them) stay for whoever wants them, where the budget has
 * room for those of all relations at once; else relations follow one another, those in time first,
 * and leave none, and what does not fit lies in a file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/parallel.h"
#include "base/sort_entries.h"
#include "base/try.h"
#include "evidence/entity.h"

static const rsi_kind *const kinds[] = {&rsi_shared_thing, &rsi_shared_place, &rsi_same_window,
                                        &rsi_lockstep,     &rsi_relay,        &rsi_cycle,
                                        &rsi_burst,        &rsi_fan_in,       &rsi_co_action};
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
        size_t room = list->room == 0 ? 64 : list->room + list->room / 2;
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

rs_status rsi_link_targets(const rsi_kind_input *input, const rsi_record *hits, size_t count,
                           uint64_t weight, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        rs_link link = {.a = (uint32_t)(hits->key >> 32),
                        .b = (uint32_t)hits->key,
                        .thing = (uint32_t)(hits[i].value >> 32),
                        .weight = (uint32_t)(weight / count),
                        .users = 2};
        RS_TRY(rsi_link_add(out, input, link, err));
    }
done:
    return status;
}

rs_status rsi_link_hits(const rsi_kind_input *input, const rsi_record *hits, size_t count,
                        uint64_t weight_max, rsi_link_list *out, rs_error *err)
{
    uint64_t sum = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t surprise = (uint32_t)hits[i].value;
        sum += surprise;
        most = surprise > most ? surprise : most;
    }
    uint64_t weight =
        ((sum - most) << 20) / (rsi_ln_q32(rs_graph_subject_count(input->graph)) >> 12);
    weight = weight < weight_max ? weight : weight_max;
    return rsi_link_targets(input, hits, count, weight, out, err);
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
    free(list->company);
    *list = (rsi_link_list){0};
}

/* ---- the run -----------------------------------------------------------------------------------
 */

typedef struct search {
    const rs_graph *graph;
    const rs_evidence_options *options;
    rs_evidence *out;
    rsi_link_list *lists; /* relation_count * KIND_COUNT */
    size_t *order;        /* relations, as they are searched */
    bool tight;           /* one relation after the other */
    rs_work quiet;        /* for calls from a worker: they may not report */
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

/* What the kinds look at: who uses which thing, or what happens in time. */
static rs_status prepare(search *s, size_t r, const rs_relation_info *info, rs_error *err)
{
    rs_status status = RS_OK;
    if (rsi_ties_things(s->graph, info)) {
        RS_TRY(rs_graph_groups(s->graph, r, &s->out->groups[r], &s->quiet, err));
    }
    if (rsi_is_timed_act(s->graph, info)) {
        RS_TRY(rs_graph_timeline(s->graph, r, &s->out->timelines[r], &s->quiet, err));
    }
done:
    return status;
}

/* What is left of a budget once so much is held. */
static uint64_t less(uint64_t budget, uint64_t held)
{
    return budget > held ? budget - held : budget != 0;
}

/* What the search of a relation holds. */
static uint64_t held_by(const search *s, size_t r)
{
    const rs_groups *groups = &s->out->groups[r];
    uint64_t held = groups->use_count * 8 + (uint64_t)groups->count * 12;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        held += s->lists[r * KIND_COUNT + k].room * sizeof(rs_link);
    }
    return held + rs_timeline_memory(&s->out->timelines[r]);
}

/* Where memory is tight, what a relation leaves is less for those after it, and its times are gone.
 */
static void settle(search *s, size_t r)
{
    if (s->tight) {
        rs_timeline_free(&s->out->timelines[r]);
        s->quiet.memory_bytes = less(s->quiet.memory_bytes, held_by(s, r));
    }
}

/* A relation whose kinds are asked. */
typedef struct asking {
    search *s;
    size_t relation;
    rs_relation_info info;
    rsi_passes passes;
} asking;

/* What a kind may use; only where memory is tight is it alone, so that others' links count. */
static rs_work left_for(const asking *a)
{
    rs_work quiet = a->s->quiet;
    uint64_t held = rs_timeline_memory(&a->s->out->timelines[a->relation]);
    if (a->s->tight) {
        held = held_by(a->s, a->relation) + a->passes.count * sizeof *a->passes.passes;
    }
    quiet.memory_bytes = less(quiet.memory_bytes, held);
    return quiet;
}

static rs_status ask_kind(const asking *a, size_t k, rs_error *err)
{
    size_t r = a->relation;
    search *s = a->s;
    rsi_kind_input input = {.graph = s->graph,
                            .options = s->options,
                            .info = a->info,
                            .relation = (uint16_t)r,
                            .kind = (uint16_t)k,
                            .groups = &s->out->groups[r],
                            .timeline = &s->out->timelines[r],
                            .passes = &a->passes};
    if (!kinds[k]->reads(s->graph, &a->info)) {
        return RS_OK;
    }
    rs_work quiet = left_for(a);
    rs_status status = kinds[k]->find(&input, &quiet, &s->lists[r * KIND_COUNT + k], err);
    return rs_context(err, status, "evidence \"%s\" of relation \"%s\"", kinds[k]->name,
                      a->info.name);
}

/* Kinds that look at what is passed on, one after the other, once that is found. */
static rs_status ask_of_passes(asking *a, rs_error *err)
{
    rs_status status = RS_OK;
    search *s = a->s;
    if (rsi_is_timed_payment(s->graph, &a->info)) {
        rs_work quiet = left_for(a);
        RS_TRY(rsi_passes_find(&s->out->timelines[a->relation], s->options->pass_window_s,
                               rs_graph_subject_count(s->graph), &quiet, &a->passes, err));
    }
    for (size_t k = 0; k < KIND_COUNT; k++) {
        if (kinds[k]->of_passes) {
            RS_TRY(ask_kind(a, k, err));
        }
    }
done:
    rsi_passes_free(&a->passes);
    return status;
}

/* Task 0 are the kinds that look at what is passed on; each other kind is one by itself, those that
 * spread after all others. */
enum { TASK_COUNT = 1 + 2 * KIND_COUNT };

static rs_status ask_some(void *context, size_t index, unsigned worker, rs_error *err)
{
    asking *a = context;
    (void)worker;
    if (index == 0) {
        return ask_of_passes(a, err);
    }
    size_t k = (index - 1) % KIND_COUNT;
    bool now = !kinds[k]->of_passes && kinds[k]->spreads == (index > KIND_COUNT);
    return now ? ask_kind(a, k, err) : RS_OK;
}

static rs_status search_relation(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    search *s = context;
    size_t r = s->order[index];
    asking a = {.s = s, .relation = r, .info = rs_store_relation(rs_graph_store(s->graph), r)};
    rs_work beside = {.threads = s->tight ? 1 : s->quiet.threads};
    (void)worker;
    RS_TRY(prepare(s, r, &a.info, err));
    RS_TRY(rsi_parallel(&beside, TASK_COUNT, ask_some, &a, err));
    settle(s, r);
done:
    return status;
}

/* Those in time first, then by their edges, the most first: what takes longest, and most memory,
 * begins. */
static uint64_t rank_of(const search *s, size_t relation)
{
    rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), relation);
    return info.edge_count | (rsi_is_timed_act(s->graph, &info) ? UINT64_C(1) << 63 : 0);
}

static void order_relations(const search *s)
{
    for (size_t r = 0; r < s->out->relation_count; r++) {
        size_t place = r;
        uint64_t rank = rank_of(s, r);
        for (; place > 0 && rank_of(s, s->order[place - 1]) < rank; place--) {
            s->order[place] = s->order[place - 1];
        }
        s->order[place] = r;
    }
}

/* What all relations at once may need, links included: 0 for none of either sort. */
static uint64_t most_bytes(const search *s)
{
    enum { TIMED = 72, TIED = 56 };
    uint64_t most = 0;
    for (size_t r = 0; r < s->out->relation_count; r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(s->graph), r);
        most += rsi_is_timed_act(s->graph, &info) ? TIMED * info.edge_count : 0;
        most += rsi_ties_things(s->graph, &info) ? TIED * info.edge_count : 0;
    }
    return most;
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

/* The most that any list says of each subject's company. */
static void join_companies(const search *s, size_t list_count)
{
    uint32_t subjects = rs_graph_subject_count(s->graph);
    for (size_t i = 0; i < list_count; i++) {
        uint32_t *own = s->lists[i].company;
        if (s->out->company == NULL) {
            s->out->company = own;
            s->lists[i].company = NULL; /* moved */
            continue;
        }
        for (uint32_t v = 0; own != NULL && v < subjects; v++) {
            uint32_t *most = &s->out->company[v];
            *most = own[v] > *most ? own[v] : *most;
        }
    }
}

static uint64_t larger_end(const void *entry)
{
    return ((const rs_link *)entry)->b;
}

/* What the threads share when the lists are joined: each looks at all links and takes those of its
 * share of the subjects. */
typedef struct joining {
    const rsi_link_list *lists;
    size_t list_count;
    uint32_t subjects;
    size_t shares;
    size_t *first; /* [a + 2] counts the links of a, then [a + 1] is where its next one goes */
    rs_link *links;
} joining;

enum { BLOCK = 1 << 14, SHARES_MAX = 4 };

static uint32_t share_start(const joining *j, size_t share)
{
    return (uint32_t)((uint64_t)j->subjects * share / j->shares);
}

static rs_status count_links(void *context, size_t share, unsigned worker, rs_error *err)
{
    const joining *j = context;
    uint32_t from = share_start(j, share);
    uint32_t count = share_start(j, share + 1) - from;
    size_t *counts = j->first + from + 2;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < j->list_count; i++) {
        for (size_t k = 0; k < j->lists[i].count; k++) {
            uint32_t a = j->lists[i].links[k].a - from;
            if (a < count) {
                counts[a]++;
            }
        }
    }
    return RS_OK;
}

static rs_status deal_out(void *context, size_t share, unsigned worker, rs_error *err)
{
    enum { AHEAD = 16, NEAR = 8 };
    const joining *j = context;
    uint32_t from = share_start(j, share);
    uint32_t count = share_start(j, share + 1) - from;
    size_t *next = j->first + from + 1;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < j->list_count; i++) {
        const rsi_link_list *list = &j->lists[i];
        for (size_t k = 0; k < list->count; k++) {
            uint32_t a = list->links[k].a - from;
            if (k + AHEAD < list->count) {
                uint32_t far = list->links[k + AHEAD].a - from;
                uint32_t near = list->links[k + NEAR].a - from;
                if (far < count) {
                    __builtin_prefetch(&next[far], 1);
                }
                if (near < count) {
                    __builtin_prefetch(&j->links[next[near]], 1);
                }
            }
            if (a < count) {
                j->links[next[a]++] = list->links[k];
            }
        }
    }
    return RS_OK;
}

static rs_status sort_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const joining *j = context;
    const rsi_entry_order order = {.size = sizeof *j->links, .key = larger_end};
    (void)worker;
    size_t end = (index + 1) * BLOCK < j->subjects ? (index + 1) * BLOCK : j->subjects;
    for (size_t v = index * BLOCK; v < end; v++) {
        size_t count = j->first[v + 1] - j->first[v];
        RS_TRY(rsi_sort_entries(j->links + j->first[v], count, order, err));
    }
done:
    return status;
}

/* Where memory is tight: the lists count as held already. */
static rs_status check_room(const search *s, size_t links, rs_error *err)
{
    uint64_t need = links * sizeof(rs_link) + rs_graph_subject_count(s->graph) * sizeof(size_t);
    uint64_t left = s->quiet.memory_bytes;
    if (!s->tight || need <= left) {
        return RS_OK;
    }
    return rs_fail(err, RS_EUSAGE,
                   "%zu links of the evidence need %llu MB of memory, %llu MB more than is left of "
                   "the budget",
                   links, (unsigned long long)(need >> 20) + 1,
                   (unsigned long long)((need - left) >> 20) + 1);
}

/* All lists in one array, by (a, b), equal ones in the order of the lists. */
static rs_status join_links(const search *s, size_t list_count, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    unsigned workers = rsi_parallel_workers(work);
    joining j = {.lists = s->lists,
                 .list_count = list_count,
                 .subjects = rs_graph_subject_count(s->graph),
                 .shares = workers < SHARES_MAX ? workers : SHARES_MAX};
    size_t total = 0;
    for (size_t i = 0; i < list_count; i++) {
        total += s->lists[i].count;
    }
    RS_TRY(check_room(s, total, err));
    j.first = calloc((size_t)j.subjects + 3, sizeof *j.first);
    j.links = s->out->links = malloc((total + 1) * sizeof *j.links);
    if (j.first == NULL || j.links == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu evidence links)", total);
        goto done;
    }
    RS_TRY(rsi_parallel(work, j.shares, count_links, &j, err));
    for (uint32_t v = 0; v < j.subjects; v++) {
        j.first[v + 2] += j.first[v + 1];
    }
    RS_TRY(rsi_parallel(work, j.shares, deal_out, &j, err));
    s->out->link_count = total;
    RS_TRY(rsi_parallel(work, ((size_t)j.subjects + BLOCK - 1) / BLOCK, sort_block, &j, err));
done:
    free(j.first);
    return status;
}

rs_status rs_evidence_find(const rs_graph *graph, const rs_evidence_options *options,
                           const rs_work *work, rs_evidence *out, rs_error *err)
{
    rs_status status = RS_OK;
    *out = (rs_evidence){.relation_count = rs_store_relation_count(rs_graph_store(graph))};
    size_t lists = out->relation_count * KIND_COUNT;
    search s = {.graph = graph, .options = options, .out = out};
    s.quiet = (rs_work){.threads = work != NULL ? work->threads : 1,
                        .memory_bytes = work != NULL ? work->memory_bytes : 0,
                        .folder = work != NULL ? work->folder : NULL};
    s.order = malloc((out->relation_count + 1) * sizeof *s.order);
    s.lists = calloc(lists + 1, sizeof *s.lists);
    out->groups = calloc(out->relation_count + 1, sizeof *out->groups);
    out->timelines = calloc(out->relation_count + 1, sizeof *out->timelines);
    if (s.lists == NULL || s.order == NULL || out->groups == NULL || out->timelines == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", out->relation_count);
        goto done;
    }
    order_relations(&s);
    s.tight = s.quiet.memory_bytes != 0 && most_bytes(&s) > s.quiet.memory_bytes;
    rs_work side = {.threads = s.tight ? 1 : s.quiet.threads};
    RS_TRY(rs_work_report(work, "evidence", "steps", 0, 2, err));
    RS_TRY(rsi_parallel(&side, out->relation_count, search_relation, &s, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 1, 2, err));
    RS_TRY(join_links(&s, lists, work, err));
    RS_TRY(rsi_entities(graph, options->identity_max, out, err));
    RS_TRY(join_hubs(&s, lists, err));
    join_companies(&s, lists);
    RS_TRY(rs_work_report(work, "evidence", "steps", 2, 2, err));
done:
    for (size_t i = 0; s.lists != NULL && i < lists; i++) {
        rsi_link_list_free(&s.lists[i]);
    }
    free(s.lists);
    free(s.order);
    if (status != RS_OK) {
        rs_evidence_free(out);
    }
    return status;
}

void rs_evidence_forget_times(rs_evidence *evidence)
{
    for (size_t r = 0; evidence->timelines != NULL && r < evidence->relation_count; r++) {
        rs_timeline_free(&evidence->timelines[r]);
    }
    free(evidence->timelines);
    evidence->timelines = NULL;
}

void rs_evidence_free(rs_evidence *evidence)
{
    rs_evidence_forget_times(evidence);
    for (size_t i = 0; evidence->groups != NULL && i < evidence->relation_count; i++) {
        rs_groups_free(&evidence->groups[i]);
    }
    free(evidence->groups);
    free(evidence->links);
    free(evidence->hubs);
    free(evidence->entity);
    free(evidence->company);
    *evidence = (rs_evidence){0};
}
