/* stages.c - the stages one after the other; what a stage leaves and no later one needs is freed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/stages.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parallel.h"
#include "base/spill.h"
#include "base/try.h"
#include "cli/budget.h"
#include "cli/cli.h"
#include "cli/ledger.h"
#include "propagate/things.h"
#include "propagate/ties.h"
#include "report/trace.h"
#include "score/columns.h"

uint64_t rsi_clock_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void rsi_stages_time(rsi_stages *stages, const char *stage, uint64_t start)
{
    if (stages->timing_count < RSI_STAGES_MAX) {
        stages->timings[stages->timing_count++] =
            (rs_run_timing){.stage = stage, .microseconds = rsi_clock_us() - start};
    }
}

/* ---- lists -----------------------------------------------------------------------------------
 */

typedef struct taking {
    rs_list_maker *maker;
    bool any;
} taking;

static rs_status take_entry(void *context, const rs_entry *entry, rs_error *err)
{
    taking *t = context;
    rs_list_row row = {.type = entry->type,
                       .id = entry->id,
                       .reason = entry->reason,
                       .strength = entry->strength,
                       .since = entry->since == RS_ALWAYS ? RS_NO_TIME : entry->since};
    t->any = true;
    return rs_list_add(t->maker, &row, err);
}

/* A file adds to what the database holds. */
static rs_status read_list(rsi_stages *stages, rs_list_name name, rs_ledger *ledger,
                           const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    taking t = {.any = path != NULL};
    int64_t as_of = rs_graph_as_of(stages->graph);
    rs_entry_query query = {.list = name,
                            .revision = stages->lists.revision,
                            .dated = as_of != RS_NO_TIME,
                            .as_of = as_of};
    RS_TRY(rs_list_new(&t.maker, stages->graph, err));
    if (path != NULL) {
        RS_TRY(rs_list_add_file(t.maker, path, err));
    }
    if (ledger != NULL) {
        RS_TRY(rs_ledger_entries(ledger, &query, take_entry, &t, err));
    }
    RS_TRY(
        rs_list_end(t.maker, name == RS_BLACKLIST ? &stages->blacklist : &stages->whitelist, err));
    stages->listed[name] = t.any;
done:
    rs_list_maker_free(t.maker);
    return rs_context(err, status, "%s", rs_list_name_text(name));
}

/* The database, and what of it counts; *out stays NULL where there is none. */
static rs_status open_ledger(rsi_stages *stages, const char *store_path, const rsi_inputs *inputs,
                             const rs_work *work, rs_ledger **out, rs_error *err)
{
    rs_status status = RS_OK;
    char *place = NULL;
    rs_ledger_head head;
    if (inputs->kept) {
        return RS_OK;
    }
    RS_TRY(rsi_ledger_place(store_path, inputs->db, &place, err));
    status = rs_ledger_open(out, place, RS_LEDGER_READ, work, err);
    if (status == RS_ENOTFOUND && inputs->db == NULL && inputs->revision == UINT64_MAX) {
        status = RS_OK;
        goto done;
    }
    RS_TRY(status);
    RS_TRY(rs_ledger_head_read(*out, &head, err));
    stages->lists.revision =
        inputs->revision == UINT64_MAX ? head.revision : (int64_t)inputs->revision;
    stages->lists.head = head.revision;
    stages->lists.own = inputs->db == NULL;
    memcpy(stages->lists.hash, head.hash, sizeof stages->lists.hash);
    memcpy(stages->lists.database, head.database, sizeof stages->lists.database);
done:
    free(place);
    return status;
}

static rs_status read_lists(rsi_stages *stages, const char *store_path, const rsi_inputs *inputs,
                            const rsi_settings *settings, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger *ledger = NULL;
    size_t nodes = rs_graph_node_count(stages->graph);
    RS_TRY(open_ledger(stages, store_path, inputs, work, &ledger, err));
    RS_TRY(read_list(stages, RS_BLACKLIST, ledger, inputs->blacklist, err));
    RS_TRY(read_list(stages, RS_WHITELIST, ledger, inputs->whitelist, err));
    stages->seed = calloc(nodes + 1, sizeof *stages->seed);
    stages->spread = calloc(nodes + 1, sizeof *stages->spread);
    if (stages->seed == NULL || stages->spread == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes)", nodes);
        goto done;
    }
    rs_seeds(stages->graph, &stages->blacklist, &stages->whitelist, &settings->seeds, stages->seed);
done:
    rs_ledger_close(ledger);
    return status;
}

rs_status rsi_stages_start(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                           rs_error *err)
{
    return rs_detect_crew_start(&stages->crew, &settings->detect, work, err);
}

/* What can be made of the evidence at once: one graph of its links, and, of what it knows of times,
 * who is tied to whom and what oddity counts. What all threads work at comes last, here and below:
 * at the end no thread stands idle. */
typedef struct evidence_use {
    rsi_stages *stages;
    rs_work quiet; /* for calls from a worker: they may not report */
} evidence_use;

static rs_status use_evidence(void *context, size_t index, unsigned worker, rs_error *err)
{
    const evidence_use *use = context;
    rsi_stages *stages = use->stages;
    (void)worker;
    switch (index) {
    case 0:
        return rs_evidence_collapse(stages->graph, &stages->evidence, &stages->collapsed, err);
    case 1:
        return rsi_known_ties(&stages->ties, stages->graph, stages->evidence.timelines,
                              stages->seed, err);
    default:
        return rsi_numbers_in_time(&stages->numbers, stages->graph, stages->evidence.timelines,
                                   &use->quiet, err);
    }
}

/* Rings are of subjects: in a store that has none, "no rings" would be an answer to nothing. */
static rs_status check_subjects(const rs_store *store, rs_error *err)
{
    size_t count = rs_store_type_count(store);
    for (size_t i = 0; i < count; i++) {
        if (rs_store_type(store, i).subject) {
            return RS_OK;
        }
    }
    return count == 0 ? RS_OK
                      : rs_fail(err, RS_EINPUT,
                                "none of the store's types (%s%s) is a subject, whose rings are "
                                "looked for: name one in \"subjects\" of the mapping and ingest "
                                "the same files again",
                                rs_store_type(store, 0).name, count > 1 ? ", ..." : "");
}

/* "2026" is a Unix time, of 1970: a night before all events is a mistake, no finding. */
static rs_status check_as_of(const rs_store *store, int64_t as_of, rs_error *err)
{
    int64_t first = INT64_MAX;
    char from[RSI_FORMAT_MAX];
    char given[RSI_FORMAT_MAX];
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_relation_info info = rs_store_relation(store, i);
        first = info.time_min != RS_NO_TIME && info.time_min < first ? info.time_min : first;
    }
    return as_of == RS_NO_TIME || first == INT64_MAX || as_of >= first
               ? RS_OK
               : rs_fail(err, RS_EUSAGE, "the as-of time %s is before the first event, of %s",
                         rsi_format_time(given, as_of), rsi_format_time(from, first));
}

rs_status rsi_stages_evidence(rsi_stages *stages, const char *store_path, const rsi_inputs *inputs,
                              const rsi_settings *settings, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    RS_TRY(rsi_open_store(&stages->store, store_path, err));
    if (inputs->sequence > 0) {
        RS_TRY(rs_store_until(stages->store, inputs->sequence, &stages->mixed, err));
    }
    rsi_memory_guard(stages->store, work);
    RS_TRY(rs_context(err, check_subjects(stages->store, err), "store \"%s\"", store_path));
    RS_TRY(check_as_of(stages->store, settings->graph.as_of, err));
    RS_TRY(rs_graph_open(&stages->graph, stages->store, &settings->graph, work, err));
    rsi_stages_time(stages, "graph", start);
    start = rsi_clock_us();
    RS_TRY(read_lists(stages, store_path, inputs, settings, work, err));
    rsi_stages_time(stages, "lists", start);
    start = rsi_clock_us();
    rs_work here = *work;
    here.memory_bytes = rsi_memory_left(work);
    status = rs_evidence_find(stages->graph, &settings->evidence, &here, &stages->evidence, err);
    if (status == RS_EUSAGE && here.memory_bytes > 0) {
        status = rsi_evidence_refused(stages, work, here.memory_bytes, err);
    }
    RS_TRY(status);
    RS_TRY(rs_conflicts_find(&stages->blacklist, &stages->whitelist, stages->evidence.entity,
                             rs_graph_subject_count(stages->graph), RSI_CONFLICTS_KEPT,
                             &stages->conflicts, err));
    RS_TRY(rs_seeds_settle(&stages->blacklist, &stages->whitelist, stages->evidence.entity,
                           rs_graph_subject_count(stages->graph), stages->seed, err));
    evidence_use use = {.stages = stages, .quiet = {.threads = work->threads}};
    RS_TRY(rsi_parallel(work, 3, use_evidence, &use, err));
    rs_evidence_forget_times(&stages->evidence);
    rsi_stages_time(stages, "evidence", start);
done:
    return status;
}

static rs_status build_network(rsi_stages *stages, const rs_work *work, rs_error *err)
{
    rsi_network_input input = {.graph = stages->graph,
                               .evidence = &stages->evidence,
                               .collapsed = &stages->collapsed,
                               .seed = stages->seed,
                               .known = stages->ties};
    rs_status status = rsi_network_build(&input, work, &stages->network, err);
    rsi_known_ties_free(stages->ties, stages->graph);
    stages->ties = NULL;
    return status;
}

rs_status rsi_stages_spread(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                            rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    RS_TRY(build_network(stages, work, err));
    rsi_stages_time(stages, "network", start);
    start = rsi_clock_us();
    RS_TRY(rs_spread(&stages->network.adjacency, stages->seed, &settings->spread, work,
                     stages->spread, err));
    rsi_stages_time(stages, "spread", start);
done:
    return status;
}

/* ---- side by side
 * --------------------------------------------------------------------------------- */

/* Two tasks share one meter: who finds it busy only asks whether to stop. */
typedef struct shared_meter {
    const rs_work *work;
    atomic_flag busy;
    atomic_bool stop;
} shared_meter;

static int report_shared(void *context, const rs_progress *now)
{
    shared_meter *meter = context;
    if (meter->work->progress != NULL && !atomic_flag_test_and_set(&meter->busy)) {
        if (meter->work->progress(meter->work->context, now) != 0) {
            atomic_store(&meter->stop, true);
        }
        atomic_flag_clear(&meter->busy);
    }
    return atomic_load(&meter->stop);
}

typedef struct middle {
    rsi_stages *stages;
    rsi_plan plan;
    const rsi_settings *settings;
    shared_meter meter;
    rs_work each;
    rsi_things things;
    rs_run_timing timings[4];
} middle;

static void time_task(middle *m, size_t slot, const char *stage, uint64_t start)
{
    m->timings[slot] = (rs_run_timing){.stage = stage, .microseconds = rsi_clock_us() - start};
}

static rs_status find_communities(middle *m, rs_error *err)
{
    rsi_stages *stages = m->stages;
    const rs_evidence_graph *g = &stages->collapsed;
    rs_link_graph links = {.node_count = g->node_count,
                           .is_member = g->is_member,
                           .link_count = g->link_count,
                           .a = g->a,
                           .b = g->b,
                           .weight = g->weight};
    uint64_t start = rsi_clock_us();
    rs_status status =
        rs_detect_by(stages->crew, &links, &m->each, stages->label, &stages->detect, err);
    rs_detect_crew_end(stages->crew);
    stages->crew = NULL;
    time_task(m, 0, "detect", start);
    return status;
}

/* What is made of the risk of accounts: what explains it, and the sums over the uses of things. */
static rs_status use_spread(void *context, size_t index, unsigned worker, rs_error *err)
{
    middle *m = context;
    rsi_stages *stages = m->stages;
    (void)worker;
    if (index == 1) {
        return rsi_things_read(&m->things, stages->graph, stages->spread, &m->each, err);
    }
    return stages->trace == NULL
               ? RS_OK
               : rsi_trace_network(stages->trace, &stages->network.adjacency, &m->settings->spread,
                                   stages->seed, stages->spread, &stages->evidence, err);
}

static rs_status spread_risk(middle *m, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stages *stages = m->stages;
    uint64_t start = rsi_clock_us();
    rs_work work = m->each;
    work.memory_bytes = rsi_plan_network(&m->plan, m->meter.work);
    RS_TRY(build_network(stages, &work, err));
    time_task(m, 1, "network", start);
    start = rsi_clock_us();
    RS_TRY(rs_spread(&stages->network.adjacency, stages->seed, &m->settings->spread, &m->each,
                     stages->spread, err));
    RS_TRY(rsi_parallel(&m->each, 2, use_spread, m, err));
    rs_network_free(&stages->network);
    rsi_things_settle(&m->things, m->settings->spread.damping, stages->spread);
    time_task(m, 2, "spread", start);
done:
    rsi_things_free(&m->things);
    return status;
}

static rs_status count_oddity(middle *m, rs_error *err)
{
    uint64_t start = rsi_clock_us();
    rsi_trace *trace = m->stages->trace;
    rs_work work = m->each;
    work.memory_bytes = rsi_plan_days(&m->plan, m->meter.work);
    rs_status status =
        rsi_oddity(m->stages->graph, m->stages->numbers, &work,
                   trace == NULL ? NULL : rsi_trace_column, trace, m->stages->oddity, err);
    if (status == RS_OK && trace != NULL) {
        status = rsi_trace_counts(trace, m->stages->numbers, err);
    }
    rsi_numbers_free(m->stages->numbers);
    m->stages->numbers = NULL;
    time_task(m, 3, "oddity", start);
    return status;
}

static rs_status middle_task(void *context, size_t index, unsigned worker, rs_error *err)
{
    middle *m = context;
    (void)worker;
    switch (index) {
    case 0:
        return find_communities(m, err);
    case 1:
        return count_oddity(m, err);
    default:
        return spread_risk(m, err);
    }
}

/* Each task gets all of the threads, though others run beside it: what one of them leaves idle,
 * most of all when another is done, the system gives to the rest. The answer does not depend on it.
 * The caller sets each.context to the meter where it lies. */
static middle middle_of(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                        rsi_plan plan)
{
    return (middle){
        .stages = stages,
        .settings = settings,
        .plan = plan,
        .meter = {.work = work, .busy = ATOMIC_FLAG_INIT},
        .each = {.threads = work->threads, .folder = work->folder, .progress = report_shared}};
}

/* ---- or one after the other
 * ------------------------------------------------------------------------------- */

static rs_status put_links_aside(rs_evidence *evidence, const rs_work *work, rsi_spill *file,
                                 rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_spill_open_in(file, work->folder, err));
    RS_TRY(rsi_spill_write(file, 0, evidence->links, evidence->link_count * sizeof(rs_link), err));
    free(evidence->links);
    evidence->links = NULL;
done:
    return status;
}

static rs_status bring_links_back(rs_evidence *evidence, const rsi_spill *file, rs_error *err)
{
    evidence->links = malloc((evidence->link_count + 1) * sizeof(rs_link));
    if (evidence->links == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", evidence->link_count);
    }
    return rsi_spill_read(file, 0, evidence->links, evidence->link_count * sizeof(rs_link), err);
}

/* Communities and oddity do without the links that the evidence's graph was made of: these lie in a
 * file meanwhile. */
static rs_status one_by_one(middle *m, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_spill aside = RSI_SPILL_NONE;
    RS_TRY(spread_risk(m, err));
    RS_TRY(put_links_aside(&m->stages->evidence, &m->each, &aside, err));
    RS_TRY(find_communities(m, err));
    RS_TRY(count_oddity(m, err));
    RS_TRY(bring_links_back(&m->stages->evidence, &aside, err));
done:
    rsi_spill_close(&aside);
    return status;
}

rs_status rsi_stages_middle(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_plan plan;
    RS_TRY(rsi_plan_middle(stages, work, &plan, err));
    middle m = middle_of(stages, settings, work, plan);
    m.each.context = &m.meter;
    size_t subjects = rs_graph_subject_count(stages->graph);
    stages->oddity = calloc(subjects + 1, sizeof *stages->oddity);
    stages->label = malloc(((size_t)stages->collapsed.node_count + 1) * sizeof *stages->label);
    if (stages->oddity == NULL || stages->label == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
        goto done;
    }
    RS_TRY(plan.side_by_side ? rsi_parallel(work, 3, middle_task, &m, err) : one_by_one(&m, err));
    for (size_t i = 0; i < sizeof m.timings / sizeof m.timings[0]; i++) {
        stages->timings[stages->timing_count++] = m.timings[i];
    }
done:
    return status;
}

/* ---- the end
 * ------------------------------------------------------------------------------------- */

/* What the report tells of the evidence, before it is freed. */
static rs_status note_evidence(rsi_stages *stages, rs_error *err)
{
    rs_findings *findings = &stages->findings;
    findings->evidence_by_kind = calloc(rs_evidence_kind_count() + 1, sizeof(uint64_t));
    if (findings->evidence_by_kind == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (kinds of evidence)");
    }
    for (size_t i = 0; i < stages->evidence.link_count; i++) {
        findings->evidence_by_kind[stages->evidence.links[i].kind]++;
    }
    findings->hubs = stages->evidence.hubs;
    findings->hub_count = stages->evidence.hub_count;
    stages->evidence.hubs = NULL; /* moved to the findings */
    stages->evidence.hub_count = 0;
    return RS_OK;
}

rs_status rsi_stages_score(rsi_stages *stages, const rsi_settings *settings, const rs_work *work,
                           rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    rs_score_input input = {.graph = stages->graph,
                            .evidence = &stages->evidence,
                            .collapsed = &stages->collapsed,
                            .label = stages->label,
                            .resolution = settings->detect.resolution,
                            .blacklist = &stages->blacklist,
                            .whitelist = &stages->whitelist,
                            .seed = stages->seed,
                            .spread = stages->spread,
                            .oddity = stages->oddity,
                            .pairs_max = settings->evidence.pairs_max,
                            .window_s = settings->evidence.window_s,
                            .pass_window_s = settings->evidence.pass_window_s};
    RS_TRY(rs_score(&input, &settings->score, work, &stages->findings, err));
    rsi_stages_time(stages, "score", start);
    stages->findings.detect = stages->detect;
    RS_TRY(note_evidence(stages, err));
done:
    return status;
}

void rsi_stages_free(rsi_stages *stages)
{
    rs_detect_crew_end(stages->crew);
    rsi_trace_free(stages->trace);
    rsi_numbers_free(stages->numbers);
    rsi_known_ties_free(stages->ties, stages->graph);
    rs_findings_free(&stages->findings);
    rs_network_free(&stages->network);
    rs_evidence_graph_free(&stages->collapsed);
    rs_evidence_free(&stages->evidence);
    rs_list_free(&stages->blacklist);
    rs_conflicts_free(&stages->conflicts);
    rs_list_free(&stages->whitelist);
    free(stages->oddity);
    free(stages->label);
    free(stages->seed);
    free(stages->spread);
    rs_graph_close(stages->graph);
    rs_store_close(stages->store);
    *stages = (rsi_stages){0};
}
