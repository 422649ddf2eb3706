/* kinds.c - the table of evidence kinds, and the run over all relations.
 *
 * One task a relation, side by side, the largest first; their links are put one after the other in
 * the order of the relations and then of the table, and sorted, so that nothing depends on the
 * threads.
 *
 * Memory: who uses which thing (12 bytes a thing, 8 a use, twice as much for a moment) and the
 * links (28 bytes, twice as much while they are sorted) stay. Events in time (72 bytes each, with
 * the passes and pairs that are found in them) stay for whoever wants them, where the budget has
 * room for those of all relations at once; else relations follow one another, those in time first,
 * and leave none but what is more than ever (surge.h), and what does not fit lies in a file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "evidence/entity.h"

static const rsi_kind *const kinds[] = {
    &rsi_shared_thing, &rsi_shared_place, &rsi_same_window, &rsi_lockstep, &rsi_relay,  &rsi_cycle,
    &rsi_burst,        &rsi_fan_in,       &rsi_co_action,   &rsi_bust_out, &rsi_content};
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

bool rs_evidence_kind_rare(size_t kind)
{
    return kinds[kind]->rare;
}

/* ---- the run -----------------------------------------------------------------------------------
 */

typedef struct search {
    const rs_graph *graph;
    const rs_evidence_options *options;
    rs_evidence *out;
    rsi_link_list *lists; /* relation_count * KIND_COUNT, then one for each kind that reads all */
    rsi_surges *surges;   /* by relation */
    bool asks_all[KIND_COUNT];
    size_t *order; /* relations, as they are searched */
    bool tight;    /* one relation after the other */
    rs_work quiet; /* for calls from a worker: they may not report */
} search;

bool rs_evidence_kind_reads(const rs_graph *graph, size_t kind)
{
    bool reads = false;
    for (size_t r = 0; r < rs_store_relation_count(rs_graph_store(graph)); r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(graph), r);
        reads = reads || kinds[kind]->reads(graph, &info);
    }
    return reads;
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
    uint64_t held = groups->use_count * 8 + (uint64_t)groups->count * 12 +
                    s->surges[r].room * sizeof(rsi_surge);
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
    if (kinds[k]->of_all || !kinds[k]->reads(s->graph, &a->info)) {
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
 * spread after all others; then what kinds that look at all relations want of this one. */
enum { TASK_COUNT = 2 + 2 * KIND_COUNT };

/* Who does more than ever, where a kind asks whether sharers do so together. */
static rs_status find_surges(const asking *a, rs_error *err)
{
    search *s = a->s;
    bool asked = false;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        asked = asked || s->asks_all[k];
    }
    return asked ? rsi_surges_find(&s->out->timelines[a->relation], s->options->pass_window_s,
                                   &s->surges[a->relation], err)
                 : RS_OK;
}

static rs_status ask_some(void *context, size_t index, unsigned worker, rs_error *err)
{
    asking *a = context;
    (void)worker;
    if (index == 0) {
        return ask_of_passes(a, err);
    }
    if (index == TASK_COUNT - 1) {
        return find_surges(a, err);
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

/* Kinds that look at all relations, once these were searched. */
static rs_status ask_of_all(search *s, rs_error *err)
{
    rs_status status = RS_OK;
    size_t relations = s->out->relation_count;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        rsi_kind_input input = {.graph = s->graph,
                                .options = s->options,
                                .kind = (uint16_t)k,
                                .relation_count = relations,
                                .all_groups = s->out->groups,
                                .surges = s->surges};
        if (s->asks_all[k]) {
            status = kinds[k]->find(&input, &s->quiet, &s->lists[relations * KIND_COUNT + k], err);
            RS_TRY(rs_context(err, status, "evidence \"%s\"", kinds[k]->name));
        }
    }
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

/* Where memory is tight, the lists count as held already. */
static rs_status check_room(const search *s, size_t list_count, rs_error *err)
{
    size_t links = 0;
    for (size_t i = 0; i < list_count; i++) {
        links += s->lists[i].count;
    }
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

rs_status rs_evidence_find(const rs_graph *graph, const rs_evidence_options *options,
                           const rs_work *work, rs_evidence *out, rs_error *err)
{
    rs_status status = RS_OK;
    *out = (rs_evidence){.relation_count = rs_store_relation_count(rs_graph_store(graph))};
    size_t lists = (out->relation_count + 1) * KIND_COUNT;
    search s = {.graph = graph, .options = options, .out = out};
    s.quiet = (rs_work){.threads = work != NULL ? work->threads : 1,
                        .memory_bytes = work != NULL ? work->memory_bytes : 0,
                        .folder = work != NULL ? work->folder : NULL};
    s.order = malloc((out->relation_count + 1) * sizeof *s.order);
    s.lists = calloc(lists + 1, sizeof *s.lists);
    out->groups = calloc(out->relation_count + 1, sizeof *out->groups);
    out->timelines = calloc(out->relation_count + 1, sizeof *out->timelines);
    s.surges = calloc(out->relation_count + 1, sizeof *s.surges);
    if (s.lists == NULL || s.order == NULL || out->groups == NULL || out->timelines == NULL ||
        s.surges == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", out->relation_count);
        goto done;
    }
    order_relations(&s);
    for (size_t k = 0; k < KIND_COUNT; k++) {
        s.asks_all[k] = kinds[k]->of_all && rs_evidence_kind_reads(graph, k);
    }
    s.tight = s.quiet.memory_bytes != 0 && most_bytes(&s) > s.quiet.memory_bytes;
    rs_work side = {.threads = s.tight ? 1 : s.quiet.threads};
    RS_TRY(rs_work_report(work, "evidence", "steps", 0, 2, err));
    RS_TRY(rsi_parallel(&side, out->relation_count, search_relation, &s, err));
    RS_TRY(ask_of_all(&s, err));
    RS_TRY(rs_work_report(work, "evidence", "steps", 1, 2, err));
    RS_TRY(check_room(&s, lists, err));
    RS_TRY(rsi_links_join(s.lists, lists, rs_graph_subject_count(graph), work, out, err));
    RS_TRY(rsi_entities(graph, options->identity_max, out, err));
    RS_TRY(join_hubs(&s, lists, err));
    join_companies(&s, lists);
    RS_TRY(rs_work_report(work, "evidence", "steps", 2, 2, err));
done:
    for (size_t i = 0; s.lists != NULL && i < lists; i++) {
        rsi_link_list_free(&s.lists[i]);
    }
    for (size_t r = 0; s.surges != NULL && r < out->relation_count; r++) {
        rsi_surges_free(&s.surges[r]);
    }
    free(s.surges);
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
