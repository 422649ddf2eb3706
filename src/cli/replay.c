/* replay.c - `ringscope replay`: a past night found again, from the rows, lists, settings and
 * history that it had.
 *
 *   rows      the batches that the run had read: later ones are left out, or, where a compaction
 *             merged them with earlier ones, what is later than the night's as-of time
 *   lists     as the run used them, which it keeps; what it left out of them is counted in its
 * report settings  as it keeps them; a model has to be given again, and be the same history   what
 * strictly earlier nights left
 *
 * Invariant: it says that the night gives the same report and risks only where every byte of both
 * is what the run wrote.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "cli/learn.h"
#include "cli/run.h"
#include "cli/stages.h"
#include "report/lineage.h"
#include "report/runs.h"
#include "ringscope/version.h"

typedef struct options {
    const char *report;
    const char *risks;
    const char *model;
} options;

static const rsi_option table[] = {
    {"report", RSI_WORD, "FILE", offsetof(options, report), "write the report there", 0, 0, false},
    {"risks", RSI_WORD, "FILE", offsetof(options, risks), "write everybody's risk there, as CSV", 0,
     0, false},
    {"model", RSI_WORD, "FILE", offsetof(options, model),
     "the model of the run, where it had one: the same file", 0, 0, false},
    {0},
};

/* The run, and what it was made from. */
typedef struct past {
    const char *store;
    rs_run_id id;
    rs_run_info info;
    rsi_file_note notes[RSI_RUN_FILES];
    cJSON *sidecar;
    cJSON *totals; /* of its report */
    uint64_t sequence;
} past;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (replay)");
}

/* ---- which run ------------------------------------------------------------------------------- */

static bool is_of_day(const char *day, int64_t as_of)
{
    char text[RSI_FORMAT_MAX];
    return as_of != RS_NO_TIME && strncmp(rsi_format_time(text, as_of), day, strlen(day)) == 0;
}

/* Of a day the run that looked furthest; of two that looked as far none is meant more. */
static rs_status find_day(past *p, const char *day, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t count = 0;
    size_t equal = 0;
    RS_TRY(rsi_run_list(p->store, &ids, &count, err));
    for (size_t i = 0; i < count; i++) {
        rs_run_info info;
        RS_TRY(rs_run_read(p->store, &ids[i], &info, err));
        if (!is_of_day(day, info.as_of) || (equal > 0 && info.as_of < p->info.as_of)) {
            continue;
        }
        equal = equal > 0 && info.as_of == p->info.as_of ? equal + 1 : 1;
        p->id = ids[i];
        p->info = info;
    }
    if (equal == 0) {
        status =
            rs_fail(err, RS_ENOTFOUND, "the store keeps no run that looked until \"%.40s\"", day);
    } else if (equal > 1) {
        status = rs_fail(err, RS_EUSAGE,
                         "%zu runs looked until the same moment of \"%.40s\": name one by its id, "
                         "such as %s",
                         equal, day, p->id.text);
    }
done:
    free(ids);
    return status;
}

/* One that is not there is no damage yet. */
static rs_status take_id(past *p, const char *word, rs_error *err)
{
    memcpy(p->id.text, word, RS_RUN_ID_LENGTH + 1);
    char *path = rs_run_path(p->store, &p->id, RS_RUN_SIDECAR);
    if (path == NULL) {
        return no_memory(err);
    }
    bool there = access(path, F_OK) == 0;
    free(path);
    return there ? RS_OK : rs_fail(err, RS_ENOTFOUND, "the store keeps no run %s", word);
}

static rs_status find_run(past *p, const char *word, rs_error *err)
{
    rs_status status = RS_OK;
    bool is_id =
        strlen(word) == RS_RUN_ID_LENGTH && strspn(word, "0123456789abcdef") == RS_RUN_ID_LENGTH;
    RS_TRY(is_id ? take_id(p, word, err) : find_day(p, word, err));
    RS_TRY(rsi_run_read(p->store, &p->id, &p->info, p->notes, err));
done:
    return status;
}

/* ---- what it was made from ------------------------------------------------------------------- */

static rs_status damaged(const char *path, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "\"%s\" is not as a run writes it", path);
}

static rs_status read_sidecar(past *p, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    char *path = rs_run_path(p->store, &p->id, RS_RUN_SIDECAR);
    if (path == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_read_named(path, RSI_SIDECAR_MAX, &text, err));
    p->sidecar = cJSON_ParseWithLength((const char *)text.bytes, text.length);
    status = p->sidecar == NULL ? damaged(path, err) : RS_OK;
done:
    rsi_buffer_free(&text);
    free(path);
    return status;
}

/* The line of the report's head that tells what was left out of the lists. */
static rs_status read_totals(past *p, rs_error *err)
{
    static const char key[] = "\"totals\":";
    rs_status status = RS_OK;
    char *line = NULL;
    size_t room = 0;
    char *path = rs_run_path(p->store, &p->id, RS_RUN_REPORT);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    if (path == NULL) {
        return no_memory(err);
    }
    for (int i = 0; file != NULL && p->totals == NULL && i < 10; i++) {
        if (getline(&line, &room, file) > 0 && strncmp(line, key, strlen(key)) == 0) {
            p->totals = cJSON_Parse(line + strlen(key)); /* the comma behind it ends it */
        }
    }
    if (p->totals == NULL) {
        status = damaged(path, err);
    }
    if (file != NULL) {
        fclose(file);
    }
    free(line);
    free(path);
    return status;
}

static const char *word_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static uint64_t count_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static bool has_batch(const rs_store *store, const cJSON *batch)
{
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info info = rs_store_batch(store, i);
        if (info.sequence == count_of(batch, "sequence") &&
            strcmp(info.name, word_of(batch, "name")) == 0) {
            return true;
        }
    }
    return false;
}

/* What it read must still be there, and no batch in between that it did not read. */
static rs_status check_batches(past *p, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    const cJSON *batch;
    const cJSON *batches = cJSON_GetObjectItemCaseSensitive(p->sidecar, "batches");
    RS_TRY(rsi_open_store(&store, p->store, err));
    cJSON_ArrayForEach(batch, batches)
    {
        uint64_t sequence = count_of(batch, "sequence");
        p->sequence = sequence > p->sequence ? sequence : p->sequence;
        if (!has_batch(store, batch)) {
            status = rs_fail(err, RS_EINPUT,
                             "batch \"%s\", which it read, is not in the store any "
                             "more",
                             word_of(batch, "name"));
            goto done;
        }
    }
    status = p->sequence == 0 ? rs_fail(err, RS_EINPUT, "it read no batch") : RS_OK;
done:
    rs_store_close(store);
    return status;
}

static rs_status check_version(const past *p, const rsi_model *model, rs_error *err)
{
    if (strcmp(word_of(p->sidecar, "version"), rs_version()) != 0) {
        return rs_fail(err, RS_EINPUT, "it was made by version %s, this is %s",
                       word_of(p->sidecar, "version"), rs_version());
    }
    if (strcmp(p->info.model, model->columns != NULL ? model->digest : "") != 0) {
        return rs_fail(err, RS_EUSAGE, "it had %s%s: %s",
                       p->info.model[0] != '\0' ? "model " : "no model", p->info.model,
                       p->info.model[0] != '\0' ? "give the same one by --model"
                                                : "leave --model out");
    }
    return RS_OK;
}

static void free_past(past *p)
{
    cJSON_Delete(p->sidecar);
    cJSON_Delete(p->totals);
}

/* ---- the run again --------------------------------------------------------------------------- */

/* The list that the run keeps has nobody who was left out; the report says how many those were. */
static void count_left_out(const past *p, const char *name, rs_list *list)
{
    const cJSON *lists = cJSON_GetObjectItemCaseSensitive(p->totals, "lists");
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(lists, name);
    list->missing_count = count_of(counts, "missing");
    list->repeated_count = count_of(counts, "repeated");
    list->future_count = count_of(counts, "future");
}

static rs_status find_rings(rsi_stages *stages, const past *p, const rsi_settings *settings,
                            const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_inputs inputs = RSI_INPUTS_DEFAULTS;
    char *blacklist = rs_run_path(p->store, &p->id, RS_RUN_BLACKLIST);
    char *whitelist = rs_run_path(p->store, &p->id, RS_RUN_WHITELIST);
    if (blacklist == NULL || whitelist == NULL) {
        status = no_memory(err);
        goto done;
    }
    inputs.kept = true;
    inputs.blacklist = blacklist;
    inputs.whitelist = whitelist;
    inputs.sequence = p->sequence;
    RS_TRY(rsi_stages_start(stages, settings, work, err));
    RS_TRY(rsi_stages_evidence(stages, p->store, &inputs, settings, work, err));
    count_left_out(p, "blacklist", &stages->blacklist);
    count_left_out(p, "whitelist", &stages->whitelist);
    RS_TRY(rsi_stages_middle(stages, settings, work, err));
    RS_TRY(rsi_stages_score(stages, settings, work, err));
done:
    free(blacklist);
    free(whitelist);
    return status;
}

static rs_status differs(const rsi_stages *stages, const char *what, rs_error *err)
{
    return rs_fail(err, RS_EINPUT,
                   "the %s is other than it was: %s, or a list, a settings file or an earlier run "
                   "is not what it was then",
                   what,
                   stages->mixed
                       ? "a compaction merged batches that it read with later ones, which brought "
                         "late rows, or forgot rows"
                       : "a compaction forgot rows");
}

/* Written where the next writer of runs clears away what a kill left. */
static rs_status compare(rsi_stages *stages, const past *p, const rs_report_options *report,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_making made = RSI_NO_MAKING;
    rsi_file_note notes[2];
    char *paths[2] = {NULL, NULL};
    RS_TRY(rsi_making_begin(&made, p->store, work, err));
    if (asprintf(&paths[0], "%s/report.json", made.path) < 0 ||
        asprintf(&paths[1], "%s/risks.csv", made.path) < 0) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(
        rsi_report_write(stages->graph, &stages->findings, report, work, paths[0], &notes[0], err));
    RS_TRY(rsi_risks_write(stages->graph, &stages->findings, report, work, paths[1], NULL,
                           &notes[1], err));
    if (strcmp(notes[0].digest, p->notes[RS_RUN_REPORT].digest) != 0) {
        status = differs(stages, "report", err);
    } else if (strcmp(notes[1].digest, p->notes[RS_RUN_RISKS].digest) != 0) {
        status = differs(stages, "list of risks", err);
    }
done:
    free(paths[0]);
    free(paths[1]);
    rsi_making_close(&made);
    return status;
}

static rs_status run_again(const rsi_call *call, const past *p, const rsi_model *model,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_setting_values values;
    rsi_stages stages = {0};
    rs_lineage *lineage = NULL;
    rs_work work = *call->work;
    char *json = NULL;
    char *folder = NULL;
    char *path = rs_run_path(p->store, &p->id, RS_RUN_SETTINGS);
    if (path == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_settings_kept(&values, path, err));
    RS_TRY(rsi_settings_json(&values, &json, err));
    RS_TRY(rsi_run_folder(p->store, &folder, err));
    work.folder = folder;
    rsi_settings settings = rsi_settings_of(&values);
    settings.graph.as_of = p->info.as_of;
    RS_TRY(find_rings(&stages, p, &settings, &work, err));
    if (model->columns != NULL) {
        RS_TRY(rsi_stages_model(&stages, model, NULL, &work, err));
    }
    rs_report_options report = rsi_run_report(&stages, &settings, json, model);
    if (p->notes[RS_RUN_RINGS].digest[0] != '\0') {
        RS_TRY(rsi_lineage_follow(&lineage, p->store, &p->id, stages.graph, &report, &work,
                                  &stages.findings, err));
    }
    RS_TRY(compare(&stages, p, &report, &work, err));
done:
    free(path);
    free(folder);
    free(json);
    rs_lineage_free(lineage);
    rsi_stages_free(&stages);
    return status;
}

static rs_status check_outputs(const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    const char *inputs[] = {o->model, o->report};
    RS_TRY(rsi_check_file(o->report, "--report", err));
    RS_TRY(rsi_check_output(o->report, "--report", call->words[0], inputs, 1, err));
    RS_TRY(rsi_check_file(o->risks, "--risks", err));
    RS_TRY(rsi_check_output(o->risks, "--risks", call->words[0], inputs, 2, err));
done:
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    char as_of[RSI_FORMAT_MAX] = "its end";
    past p = {.store = call->words[0]};
    rsi_model model = {.columns = NULL};
    RS_TRY(check_outputs(call, err));
    RS_TRY(find_run(&p, call->words[1], err));
    if (o->model != NULL) {
        RS_TRY(rsi_model_read(&model, o->model, err));
    }
    status = read_sidecar(&p, err);
    status = status == RS_OK ? read_totals(&p, err) : status;
    status = status == RS_OK ? check_version(&p, &model, err) : status;
    status = status == RS_OK ? check_batches(&p, err) : status;
    status = status == RS_OK ? run_again(call, &p, &model, err) : status;
    RS_TRY(rs_context(err, status, "replay of run %s", p.id.text));
    if (o->report != NULL) {
        RS_TRY(rs_run_copy(p.store, &p.id, RS_RUN_REPORT, o->report, err));
    }
    if (o->risks != NULL) {
        RS_TRY(rs_run_copy(p.store, &p.id, RS_RUN_RISKS, o->risks, err));
    }
    if (p.info.as_of != RS_NO_TIME) {
        rsi_format_time(as_of, p.info.as_of);
    }
    if (!call->quiet) {
        fprintf(call->out, "run %s, until %s: the same report and risks, byte for byte\n",
                p.id.text, as_of);
    }
done:
    rsi_model_free(&model);
    free_past(&p);
    return status;
}

const rsi_command rsi_command_replay = {
    .name = "replay",
    .summary = "a past night found again, byte for byte, from what it had",
    .words = "STORE DATE|RUN [options]",
    .about =
        "Runs a night again that STORE keeps the run of: with the batches that it had read, its "
        "lists, settings\nand history. Either the report and the risks have the same bytes, or it "
        "says why they cannot (exit\nstatus 3): a batch was dropped, a compaction forgot rows or "
        "merged late ones in, another version.\nDATE is a day until which a run looked.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
