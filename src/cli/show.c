/* show.c - `ringscope show`: the rings of the latest run, or one of them in full.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <inttypes.h>

#include "base/try.h"
#include "cli/cases.h"
#include "cli/ledger.h"
#include "cli/rings.h"
#include "cli/stages.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    const char *db;
    uint64_t top;
    uint64_t limit;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "top",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(options, top),
     .help = "list the N rings of the highest scores; default 20",
     .min = 1,
     .max = 1e9},
    {.name = "limit",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(options, limit),
     .help = "print at most N members, things, facts and users in a list; 0 prints all; default 20",
     .min = 0,
     .max = 1e9},
    {.name = "db",
     .value = RSI_WORD,
     .argument = "PLACE",
     .offset = offsetof(options, db),
     .help = RSI_DB_HELP},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "text for a person, or the report's own objects, one a line; default text"},
    {0},
};

static const options defaults = {.top = 20, .limit = 20};

static void print_object(FILE *out, const rs_cluster *cluster)
{
    fwrite(cluster->json.bytes, 1, cluster->json.length, out);
    fputc('\n', out);
}

static rs_status print_objects(FILE *out, rs_report *report, uint64_t count, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_cluster *cluster;
    for (uint64_t i = 0; i < count; i++) {
        RS_TRY(rs_report_next(report, &cluster, err));
        if (cluster == NULL) {
            break;
        }
        print_object(out, cluster);
    }
done:
    return status;
}

/* A person who reads a report must know that it speaks of another state of the store. */
static rs_status note_change(rsi_call *call, const rs_store *store, const rs_run_id *run,
                             rs_error *err)
{
    rs_run_info info;
    const options *chosen = call->options;
    rs_status status = rs_run_read(call->words[0], run, &info, err);
    if (status == RS_OK && chosen->format == FORMAT_TEXT && !call->quiet &&
        strcmp(rs_store_digest(store), info.store_digest) != 0) {
        fputs(
            "the store has changed since this run; \"ringscope run\" looks at it as it is now\n\n",
            call->out);
    }
    return status;
}

/* Rows are looked for as the run did. */
static rs_status query_sources(const rsi_call *call, const rs_store *store, const rs_run_id *run,
                               rsi_source_query *sources, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_info info;
    rsi_setting_values values;
    char *path = rs_run_path(call->words[0], run, RS_RUN_SETTINGS);
    if (path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rsi_settings_kept(&values, path, err));
    RS_TRY(rs_run_read(call->words[0], run, &info, err));
    rsi_settings settings = rsi_settings_of(&values);
    *sources = (rsi_source_query){.store = store,
                                  .as_of = info.as_of,
                                  .window_s = settings.evidence.window_s,
                                  .pass_window_s = settings.evidence.pass_window_s};
done:
    free(path);
    return status;
}

/* ---- what people said of it ------------------------------------------------------------------ */

static rs_status print_standing(FILE *out, rs_ledger *ledger, const rs_cluster *cluster,
                                const char *before, const char *after, rs_error *err)
{
    rs_standing now;
    int64_t evidence = rsi_ring_evidence(cluster);
    rs_status status = rs_ledger_standing(ledger, cluster->id, evidence, &now, err);
    if (status == RS_OK && now.state > RS_STATE_SUSPECTED) {
        fputs(before, out);
        rsi_print_text(out, cluster->id);
        fprintf(out, "  %s", rs_state_name(now.state));
        if (now.state == RS_STATE_CLEARED) {
            fprintf(out,
                    now.quiet ? ", quiet up to evidence %" PRId64 " (now %" PRId64 ")"
                              : ", but its evidence has grown past %" PRId64 " (now %" PRId64 ")",
                    now.loud_at, evidence);
        }
        fprintf(out, "  revision %" PRId64 "\n%s", now.revision, after);
    }
    return status;
}

/* The rings of the table that a person has spoken on. */
static rs_status print_standings(const rsi_call *call, rs_ledger *ledger, const char *path,
                                 rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    rs_report *report = NULL;
    const rs_cluster *cluster = NULL;
    if (ledger == NULL) {
        return RS_OK;
    }
    fputc('\n', call->out);
    RS_TRY(rs_report_open(&report, path, err));
    for (uint64_t i = 0; i < chosen->top; i++) {
        RS_TRY(rs_report_next(report, &cluster, err));
        if (cluster == NULL) {
            break;
        }
        RS_TRY(print_standing(call->out, ledger, cluster, "verdict: ", "", err));
    }
done:
    rs_report_close(report);
    return status;
}

static rs_status show_ring(rsi_call *call, const rs_store *store, const rs_run_id *run,
                           rs_report *report, rs_ledger *ledger, rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    const rs_cluster *cluster;
    rsi_source_query sources;
    char id[16];
    /* A ring's id is read as people type it: in either case, with O for 0, I and L for 1. */
    RS_TRY(rs_report_find(report, rsi_text(rsi_ring_typed(call->words[1], id)), &cluster, err));
    if (chosen->format == FORMAT_JSON) {
        print_object(call->out, cluster);
        goto done;
    }
    if (ledger != NULL) {
        RS_TRY(print_standing(call->out, ledger, cluster, "verdict: ", "\n", err));
    }
    RS_TRY(query_sources(call, store, run, &sources, err));
    RS_TRY(rsi_print_ring(call->out, &sources, cluster, chosen->limit, err));
done:
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    const options *chosen = call->options;
    rs_status status = RS_OK;
    rs_store *store = NULL;
    rs_report *report = NULL;
    rs_ledger *ledger = NULL;
    rs_run_id run_id;
    char *path = NULL;
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    RS_TRY(rs_run_latest(call->words[0], &run_id, err));
    path = rs_run_path(call->words[0], &run_id, RS_RUN_REPORT);
    if (path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rs_run_check(call->words[0], &run_id, RS_RUN_REPORT, err));
    RS_TRY(rs_report_open(&report, path, err));
    RS_TRY(note_change(call, store, &run_id, err));
    RS_TRY(rsi_ledger_open(&ledger, call, call->words[0], chosen->db, RS_LEDGER_READ, err));
    if (call->word_count > 1) {
        RS_TRY(show_ring(call, store, &run_id, report, ledger, err));
    } else if (chosen->format == FORMAT_JSON) {
        RS_TRY(print_objects(call->out, report, chosen->top, err));
    } else {
        RS_TRY(rsi_print_top_rings(call->out, path, chosen->top, err));
        RS_TRY(print_standings(call, ledger, path, err));
    }
done:
    rs_ledger_close(ledger);
    rs_report_close(report);
    rs_store_close(store);
    free(path);
    return status;
}

const rsi_command rsi_command_show = {
    .name = "show",
    .summary = "print the rings that the latest run found, or one ring with its reasons",
    .words = "STORE [RING] [options]",
    .about =
        "Without RING: the rings of the highest scores. With it: why it is one, which facts\n"
        "stand behind each reason, its members and what they share. Where rows were kept\n"
        "(ingest --keep-rows), facts name the files and lines that they come from. Rings that a\n"
        "person has spoken on say so, and whether a cleared one stays quiet.",
    .word_min = 1,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
