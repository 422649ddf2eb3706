/* runs.c - the runs that a store keeps: STORE/runs/ID/ and the pointer STORE/runs/latest.
 *
 *     runs/latest              the id of the latest run, and a line end
 *     runs/ID/report.json      as rs_report_write makes it
 *     runs/ID/risks.csv        as rs_risks_write makes it
 *     runs/ID/blacklist.csv    the list as used, in the graph's order; the same for whitelist.csv
 *     runs/ID/settings.json    as the caller gave them
 *     runs/ID/rings.bin        what its rings are called and who is in them
 * (feedback/track_state.h) runs/ID/history.bin      the same of the night before, as it was read;
 * none where there is none runs/ID/network.bin      what explains each node's risk (trace.h),
 * unless left out runs/ID/counts.bin       what explains how odd it is, the same runs/ID/run.json
 * the sidecar: what the run read and how it went runs/.tmp-PID/           a run in the making
 * (runs_making.c)
 *
 * Invariant: what stands under runs/ID is whole. A folder is filled under another name, its files
 * and itself are synced, and it is exchanged with what stands there in one step; `latest` follows
 * after. A kill at any moment leaves the run before or this one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/try.h"
#include "report/lineage.h"
#include "report/report.h"
#include "report/runs.h"
#include "report/trace.h"
#include "ringscope/erase.h"
#include "ringscope/version.h"

const char *rsi_run_file_name(rs_run_file file)
{
    static const char *const names[] = {
        [RS_RUN_REPORT] = "report.json",      [RS_RUN_RISKS] = "risks.csv",
        [RS_RUN_BLACKLIST] = "blacklist.csv", [RS_RUN_WHITELIST] = "whitelist.csv",
        [RS_RUN_SETTINGS] = "settings.json",  [RS_RUN_NETWORK] = "network.bin",
        [RS_RUN_COUNTS] = "counts.bin",       [RS_RUN_SIDECAR] = "run.json",
        [RS_RUN_RINGS] = "rings.bin",         [RS_RUN_HISTORY] = "history.bin",
    };
    return names[file];
}

rsi_file_note rsi_note(const rsi_out *out)
{
    rsi_file_note note = {.bytes = rsi_out_written(out)};
    rsi_hex128(rsi_out_digest(out), note.digest);
    return note;
}

/* ---- paths ----------------------------------------------------------------------------------- */

RS_PRINTF(2, 3) static rs_status make_path(char **path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vasprintf(path, format, args);
    va_end(args);
    if (length < 0) {
        *path = NULL;
        return RS_ENOMEM;
    }
    return RS_OK;
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

/* ---- the files of a run ---------------------------------------------------------------------- */

rs_status rsi_run_write(const char *folder, rs_run_file file, const void *bytes, size_t length,
                        rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *path = NULL;
    if (make_path(&path, "%s/%s", folder, rsi_run_file_name(file)) != RS_OK) {
        return no_memory(err);
    }
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_bytes(out, bytes, length);
    RS_TRY(rsi_out_commit(out, err));
    *note = rsi_note(out);
done:
    rsi_out_close(out);
    free(path);
    return status;
}

static void put_entry(rsi_out *out, const rs_graph *graph, const rs_ids *ids,
                      const rs_list_entry *entry)
{
    const char *type = rs_graph_range_of(graph, entry->node).type;
    rsi_out_csv(out, (rs_text){type, strlen(type)});
    rsi_out_string(out, ",");
    rsi_out_csv(out, rs_ids_of(ids, entry->node));
    rsi_out_string(out, ",");
    rsi_out_csv(out, (rs_text){entry->reason, strlen(entry->reason)});
    rsi_out_string(out, ",");
    rsi_out_millionths(out, entry->strength);
    rsi_out_string(out, ",");
    if (entry->since != RS_NO_TIME) {
        rsi_out_time(out, entry->since);
    }
    rsi_out_string(out, "\n");
}

/* A list as the run used it, in the form in which lists are read. */
static rs_status write_list(const char *folder, rs_run_file file, const rs_graph *graph,
                            const rs_list *list, rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *path = NULL;
    rs_ids *ids = NULL;
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(graph) + 1, 1);
    size_t count = list != NULL ? list->count : 0;
    if (wanted == NULL || make_path(&path, "%s/%s", folder, rsi_run_file_name(file)) != RS_OK) {
        status = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        wanted[list->entries[i].node] = 1;
    }
    RS_TRY(rs_graph_ids(graph, wanted, &ids, err));
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_string(out, "type,id,reason,strength,since\n");
    for (size_t i = 0; i < count; i++) {
        put_entry(out, graph, ids, &list->entries[i]);
    }
    RS_TRY(rsi_out_commit(out, err));
    *note = rsi_note(out);
done:
    rsi_out_close(out);
    rs_ids_free(ids);
    free(wanted);
    free(path);
    return status;
}

/* ---- the id ---------------------------------------------------------------------------------- */

void rsi_settings_digest(const rs_report_options *options, char text[33])
{
    rsi_hex128(rsi_hash_128(options->settings, strlen(options->settings), 0), text);
}

/* What was left out of a list shows in the report, so it is a part of a run's inputs. */
static rs_status describe_list(char **text, const char *digest, const rs_list *list)
{
    static const rs_list empty = {0};
    list = list != NULL ? list : &empty;
    return make_path(text, "%s %llu %llu %llu", digest, (unsigned long long)list->missing_count,
                     (unsigned long long)list->repeated_count,
                     (unsigned long long)list->future_count);
}

/* A digest of all that a run's report follows from. */
static rs_status digest_run(const rs_graph *graph, const rs_report_options *options,
                            const rsi_file_note *notes, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    char *blacklist = NULL;
    char *whitelist = NULL;
    char *text = NULL;
    RS_TRY(describe_list(&blacklist, notes[RS_RUN_BLACKLIST].digest, options->blacklist));
    RS_TRY(describe_list(&whitelist, notes[RS_RUN_WHITELIST].digest, options->whitelist));
    RS_TRY(make_path(&text,
                     "ringscope run\nstore %s\nas of %lld\nsettings %s\nmin score %lu\nusers %lu\n"
                     "blacklist %s\nwhitelist %s\nconflicts %llu\n%s%s",
                     rs_store_digest(rs_graph_store(graph)), (long long)rs_graph_as_of(graph),
                     notes[RS_RUN_SETTINGS].digest, (unsigned long)options->min_score,
                     (unsigned long)options->users_max, blacklist, whitelist,
                     options->conflicts != NULL ? (unsigned long long)options->conflicts->count : 0,
                     options->model != NULL ? "model " : "",
                     options->model != NULL ? options->model : ""));
    rsi_hex128(rsi_hash_128(text, strlen(text), 0), id->text);
done:
    free(blacklist);
    free(whitelist);
    free(text);
    return status == RS_OK ? RS_OK : no_memory(err);
}

/* ---- the sidecar ----------------------------------------------------------------------------- */

static void put_key(rsi_out *out, const char *key)
{
    rsi_out_string(out, ",\n\"");
    rsi_out_string(out, key);
    rsi_out_string(out, "\":");
}

static void put_batches(rsi_out *out, const rs_store *store)
{
    put_key(out, "batches");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        rsi_out_string(out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        rsi_out_json_string(out, batch.name);
        rsi_out_string(out, ",\"sequence\":");
        rsi_out_count(out, batch.sequence);
        rsi_out_string(out, ",\"rows\":");
        rsi_out_count(out, batch.row_count);
        rsi_out_string(out, ",\"relations\":");
        rsi_out_count(out, batch.edge_count);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]");
}

void rsi_sidecar_files(rsi_out *out, const rsi_file_note notes[RSI_RUN_FILES])
{
    rsi_out_string(out, "{");
    for (int i = 0; i < RSI_RUN_FILES; i++) {
        if (notes[i].digest[0] == '\0') {
            continue; /* left out */
        }
        rsi_out_string(out, i == 0 ? "\n" : ",\n");
        rsi_out_json_string(out, rsi_run_file_name((rs_run_file)i));
        rsi_out_string(out, ":{\"bytes\":");
        rsi_out_count(out, notes[i].bytes);
        rsi_out_string(out, ",\"xxh3_128\":");
        rsi_out_json_string(out, notes[i].digest);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "}");
}

static void put_timings(rsi_out *out, const rs_run_record *record)
{
    put_key(out, "timings");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < record->timing_count; i++) {
        uint64_t microseconds = record->timings[i].microseconds;
        rsi_out_string(out, i == 0 ? "\n{\"stage\":" : ",\n{\"stage\":");
        rsi_out_json_string(out, record->timings[i].stage);
        rsi_out_string(out, ",\"seconds\":");
        rsi_out_count(out, microseconds / RS_MILLION);
        char fraction[RSI_MILLIONTHS_MAX];
        rsi_put_millionths(fraction, (uint32_t)(microseconds % RS_MILLION));
        rsi_out_bytes(out, fraction + 1, 7);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]");
}

static void put_as_of(rsi_out *out, int64_t as_of)
{
    put_key(out, "as_of");
    if (as_of == RS_NO_TIME) {
        rsi_out_string(out, "null");
        return;
    }
    rsi_out_string(out, "\"");
    rsi_out_time(out, as_of);
    rsi_out_string(out, "\"");
}

static void put_lists(rsi_out *out, const rs_run_lists *lists)
{
    if (lists->hash[0] == '\0') {
        return; /* no database was read */
    }
    put_key(out, "lists");
    rsi_out_string(out, "{\"revision\":");
    rsi_out_count(out, (uint64_t)lists->revision);
    rsi_out_string(out, ",\"head\":");
    rsi_out_count(out, (uint64_t)lists->head);
    rsi_out_string(out, ",\"hash\":");
    rsi_out_json_string(out, lists->hash);
    rsi_out_string(out, ",\"database\":");
    rsi_out_json_string(out, lists->database);
    rsi_out_string(out, lists->own ? ",\"own\":true}" : ",\"own\":false}");
}

void rsi_sidecar_seal(rsi_out *out)
{
    char digest[33];
    rsi_hex128(rsi_out_digest_so_far(out), digest);
    rsi_out_string(out, RSI_SIDECAR_DIGEST);
    rsi_out_string(out, digest);
    rsi_out_string(out, RSI_SIDECAR_END);
}

static void put_sidecar(rsi_out *out, const rs_graph *graph, const rs_report_options *options,
                        const rs_run_record *record, const rsi_run_inputs *run)
{
    const struct {
        const char *key;
        const char *text;
    } texts[] = {
        {"run", run->id.text},
        {"version", rs_version()},
        {"store_digest", rs_store_digest(rs_graph_store(graph))},
        {"model", options->model},
        {"model_subject", options->model != NULL ? options->model_subject : NULL},
    };
    rsi_out_string(out, "{\"sidecar\":\"ringscope/1\"");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].text != NULL) {
            put_key(out, texts[i].key);
            rsi_out_json_string(out, texts[i].text);
        }
    }
    put_as_of(out, rs_graph_as_of(graph));
    put_lists(out, &record->lists);
    put_key(out, "files");
    rsi_sidecar_files(out, run->notes);
    put_batches(out, rs_graph_store(graph));
    put_key(out, "threads");
    rsi_out_count(out, record->threads);
    put_key(out, "memory_bytes");
    rsi_out_count(out, record->memory_bytes);
    put_key(out, "peak_memory_bytes");
    rsi_out_count(out, record->peak_memory_bytes);
    put_timings(out, record);
    rsi_sidecar_seal(out);
}

static rs_status write_sidecar(const char *folder, const rs_graph *graph,
                               const rs_report_options *options, const rs_run_record *record,
                               const rsi_run_inputs *run, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *path = NULL;
    if (make_path(&path, "%s/%s", folder, rsi_run_file_name(RS_RUN_SIDECAR)) != RS_OK) {
        return no_memory(err);
    }
    RS_TRY(rsi_out_open(&out, path, err));
    put_sidecar(out, graph, options, record, run);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    free(path);
    return status;
}

/* ---- keeping a run --------------------------------------------------------------------------- */

/* The risks, what is left of the trace, and the report, side by side where there are threads for
 * it; last the one that all threads write. */
typedef struct results {
    const rs_graph *graph;
    const rs_findings *findings;
    const rs_report_options *options;
    const rs_work *work;
    struct rsi_trace *trace; /* NULL: left out */
    const struct rsi_trace_end *end;
    rsi_file_note *notes;
    char *report;
    char *risks;
    uint64_t *piece_ends;
    atomic_bool stop;
} results;

static int ask_whether_to_stop(void *context, const rs_progress *now)
{
    results *r = context;
    (void)now;
    return atomic_load(&r->stop);
}

static rs_status write_some(results *r, size_t index, const rs_work *work, rs_error *err)
{
    switch (index) { /* what takes one thread and longest first, what takes all last */
    case 0:
        return rsi_risks_write(r->graph, r->findings, r->options, work, r->risks, r->piece_ends,
                               &r->notes[RS_RUN_RISKS], err);
    case 1:
        return r->trace == NULL ? RS_OK : rsi_trace_finish(r->trace, r->end, err);
    default:
        return rsi_report_write(r->graph, r->findings, r->options, work, r->report,
                                &r->notes[RS_RUN_REPORT], err);
    }
}

/* Only the calling thread, which is worker 0, may tell where it is. */
static rs_status write_result(void *context, size_t index, unsigned worker, rs_error *err)
{
    results *r = context;
    rs_work quiet = {
        .threads = rsi_parallel_workers(r->work), .progress = ask_whether_to_stop, .context = r};
    rs_status status = write_some(r, index, worker == 0 ? r->work : &quiet, err);
    if (status != RS_OK) {
        atomic_store(&r->stop, true);
    }
    return status;
}

/* The caller has set what there is to write from, and where it is noted. */
static rs_status write_results(results *r, const char *folder, rs_error *err)
{
    rs_status status = RS_OK;
    if (r->trace != NULL) {
        size_t pieces = rsi_trace_piece_count(rs_graph_node_count(r->graph));
        r->piece_ends = calloc(pieces + 1, sizeof *r->piece_ends);
        if (r->piece_ends == NULL) {
            return no_memory(err);
        }
    }
    if (make_path(&r->report, "%s/%s", folder, rsi_run_file_name(RS_RUN_REPORT)) != RS_OK ||
        make_path(&r->risks, "%s/%s", folder, rsi_run_file_name(RS_RUN_RISKS)) != RS_OK) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_parallel(r->work, 3, write_result, r, err));
    if (r->trace != NULL) {
        RS_TRY(rsi_trace_keep(r->trace, r->findings, r->piece_ends, r->risks, r->notes, err));
    }
done:
    free(r->piece_ends);
    free(r->report);
    free(r->risks);
    return status;
}

rs_status rsi_run_inputs_write(const char *folder, const rs_graph *graph,
                               const rs_report_options *options, rsi_run_inputs *inputs,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rsi_file_note *notes = inputs->notes;
    RS_TRY(write_list(folder, RS_RUN_BLACKLIST, graph, options->blacklist, &notes[RS_RUN_BLACKLIST],
                      err));
    RS_TRY(write_list(folder, RS_RUN_WHITELIST, graph, options->whitelist, &notes[RS_RUN_WHITELIST],
                      err));
    RS_TRY(rsi_run_write(folder, RS_RUN_SETTINGS, options->settings, strlen(options->settings),
                         &notes[RS_RUN_SETTINGS], err));
    RS_TRY(digest_run(graph, options, notes, &inputs->id, err));
done:
    return status;
}

rs_status rsi_run_point(const rsi_runs *runs, const rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *path = NULL;
    if (make_path(&path, "%s/latest", runs->path) != RS_OK) {
        return no_memory(err);
    }
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_string(out, id->text);
    rsi_out_string(out, "\n");
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    free(path);
    return status;
}

/* What was erased while the run was under way must not come back with it: a store that is still
 * what the run read has lost nothing yet, and whoever erases looks through the runs after that. */
static rs_status check_erasures(const char *store_path, const rs_graph *graph,
                                const rs_run_record *record, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *now = NULL;
    uint64_t mark = 0;
    RS_TRY(rs_erasures_mark(store_path, &mark, err));
    if (mark == record->erasures_mark) {
        return RS_OK;
    }
    RS_TRY(rsi_lineage_check(record->lineage, err));
    RS_TRY(rs_store_open(&now, store_path, err));
    if (strcmp(rs_store_digest(now), rs_store_digest(rs_graph_store(graph))) != 0) {
        status = rs_fail(err, RS_ELOCKED,
                         "somebody was erased from the store meanwhile: the run is not kept, "
                         "start it again");
    }
done:
    rs_store_close(now);
    return status;
}

static rs_status publish_run(const char *store_path, const rs_graph *graph, const rsi_making *made,
                             const rs_run_record *record, const rs_work *work, const rs_run_id *id,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rsi_runs runs = RSI_NO_RUNS;
    RS_TRY(rsi_runs_enter(&runs, store_path, work, err));
    RS_TRY(check_erasures(store_path, graph, record, err));
    RS_TRY(rsi_run_publish(made, &runs, id, err));
    RS_TRY(rsi_sync_folder(store_path, err));
    RS_TRY(rsi_run_point(&runs, id, err));
    if (record->keep_runs > 0) {
        RS_TRY(rsi_runs_prune(store_path, &runs, id, record->keep_runs, err));
    }
done:
    rsi_runs_leave(&runs);
    return status;
}

rs_status rs_run_keep(const char *store_path, const rs_graph *graph, const rs_findings *findings,
                      const rs_report_options *options, const rs_run_record *record,
                      const rs_work *work, rs_run_id *id, rs_error *err)
{
    return rsi_run_keep(store_path, graph, findings, options, record, NULL, NULL, work, id, err);
}

rs_status rsi_run_keep(const char *store_path, const rs_graph *graph, const rs_findings *findings,
                       const rs_report_options *options, const rs_run_record *record,
                       struct rsi_trace *trace, const struct rsi_trace_end *end,
                       const rs_work *work, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_making own = RSI_NO_MAKING;
    const rsi_making *made = trace != NULL ? rsi_trace_folder(trace) : &own;
    rsi_run_inputs inputs = {.notes = {{0}}};
    results r = {.graph = graph,
                 .findings = findings,
                 .options = options,
                 .work = work,
                 .trace = trace,
                 .end = end,
                 .notes = inputs.notes};
    if (trace == NULL) {
        RS_TRY(rsi_making_begin(&own, store_path, work, err));
        RS_TRY(rsi_run_inputs_write(made->path, graph, options, &inputs, err));
    } else {
        inputs = *rsi_trace_inputs(trace);
    }
    *id = inputs.id;
    RS_TRY(write_results(&r, made->path, err));
    RS_TRY(rsi_lineage_write(record->lineage, made->path, inputs.notes, err));
    RS_TRY(write_sidecar(made->path, graph, options, record, &inputs, err));
    RS_TRY(publish_run(store_path, graph, made, record, work, id, err));
done:
    rsi_making_close(&own);
    return rs_context(err, status, "keep the run");
}
