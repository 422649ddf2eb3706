/* nightly.c - `ringscope nightly`: a night from the inbox to the summary, and on from where a kill
 * left it.
 *
 * The state names the first stage that may not be done; a stage is done, then the state is written.
 * So a kill makes a stage be done twice, and each leaves twice what it leaves once: a taken file is
 * passed over, a batch that is there changes nothing, a store that was compacted is not due, a run
 * replaces itself, files are put in place whole.
 *
 * The clock names the night where --date does not, and stands in the metrics; nothing that a run
 * finds depends on it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/timestamp.h"
#include "base/try.h"
#include "cli/feedback.h"
#include "cli/ledger.h"
#include "cli/night.h"
#include "cli/stages.h"
#include "ringscope/ingest.h"
#include "store/batch.h"

typedef struct options {
    rsi_inputs inputs;
    const char *inbox;
    const char *out;
    const char *mapping;
    const char *date;
    const char *model;
    const char *metrics;
    rsi_list optional;
    int64_t time_max;
    uint64_t feed_nights;
    uint64_t feed_least;
    uint64_t keep_runs;
    uint64_t keep_outputs;
    bool accept_feeds;
    bool rejects;
    bool keep_rows;
    bool no_feedback;
    bool dry_run;
} options;

static const rsi_option table[] = {
    {"inbox", RSI_WORD, "DIR", offsetof(options, inbox),
     "where files arrive; a night takes those that a source of the mapping matches to "
     "DIR/nights/DATE; names that begin with a dot or end with .part or .tmp are on their way",
     0, 0, true},
    {"out", RSI_WORD, "DIR", offsetof(options, out),
     "write report, risks and summary to DIR/DATE; DIR/latest points to the last night done, "
     "DIR/outbox.jsonl has what other systems are told",
     0, 0, true},
    {"mapping", RSI_WORD, "MAP.json", offsetof(options, mapping),
     "what the columns of the files mean; each of its \"match\" is a feed that is expected", 0, 0,
     true},
    {"date", RSI_WORD, "DATE", offsetof(options, date),
     "the night's name, and its batch's; default today, UTC", 0, 0, false},
    {"accept-feeds", RSI_FLAG, NULL, offsetof(options, accept_feeds),
     "go on with feeds that would stop the night", 0, 0, false},
    {"optional", RSI_LIST, "MATCH", offsetof(options, optional),
     "the feed of this \"match\" may be missing or empty; may be given again", 0, 0, false},
    {"feed-nights", RSI_COUNT, "N", offsetof(options, feed_nights),
     "what a feed usually brings is the median of the last N nights; default 7", 1,
     RSI_FEED_NIGHTS_MAX, false},
    {"feed-least", RSI_COUNT, "PERCENT", offsetof(options, feed_least),
     "fewer rows than this share of the usual stop the night; default 50, 0: never", 0, 100, false},
    {"rejects", RSI_FLAG, NULL, offsetof(options, rejects),
     "write bad rows to rejects.csv of the night and commit the rest; by default the first bad row "
     "stops the night",
     0, 0, false},
    {"time-max", RSI_TIME, "TIME", offsetof(options, time_max),
     "events later than TIME, a date meaning the end of that day, are bad rows; by default none "
     "are",
     0, 0, false},
    {"keep-rows", RSI_FLAG, NULL, offsetof(options, keep_rows),
     "keep the file and line that each relation came from, so that a report can quote them", 0, 0,
     false},
    RSI_INPUT_OPTIONS(options),
    {"model", RSI_WORD, "FILE", offsetof(options, model),
     "a model that learn made, as for run --model", 0, 0, false},
    {"metrics", RSI_WORD, "FILE", offsetof(options, metrics),
     "write metrics in Prometheus' text format there; default metrics.prom in --out", 0, 0, false},
    {"keep-runs", RSI_COUNT, "N", offsetof(options, keep_runs),
     "keep the latest N runs of the store and take the others away; default all", 2, 1e9, false},
    {"keep-outputs", RSI_COUNT, "N", offsetof(options, keep_outputs),
     "keep the latest N nights in --out and take the others away; default all", 1, 1e9, false},
    {"no-feedback", RSI_FLAG, NULL, offsetof(options, no_feedback),
     "leave the database as it is: note no suspects, put nobody on the blacklist, tell nobody", 0,
     0, false},
    {"dry-run", RSI_FLAG, NULL, offsetof(options, dry_run),
     "say what would be done, and change nothing", 0, 0, false},
    {0},
};

static const options defaults = {
    .inputs = RSI_INPUTS_DEFAULTS, .time_max = INT64_MAX, .feed_nights = 7, .feed_least = 50};

/* A night in the making. */
typedef struct job {
    rsi_call *call;
    const options *o;
    rsi_night_home home;
    rsi_night night;
    char *metrics;  /* path */
    char *stopped;  /* why the night does not begin; NULL: it does */
    uint64_t start; /* of the attempt, microseconds */
} job;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (night)");
}

/* ---- the stages ------------------------------------------------------------------------------ */

static rs_status ingest_files(const job *j, const char *const *files, rs_ingest_result *result,
                              rs_error *err)
{
    const options *o = j->o;
    rs_ingest_options ingest = {.mapping = o->mapping,
                                .batch = j->night.date,
                                .time_max = o->time_max,
                                .keep_rows = o->keep_rows,
                                .file_count = j->night.file_count,
                                .files = files};
    char *rejects = o->rejects ? rsi_out_path(o->out, j->night.date, "rejects.csv") : NULL;
    if (o->rejects && rejects == NULL) {
        return no_memory(err);
    }
    ingest.rejects = rejects;
    rs_status status = rs_ingest(j->call->words[0], &ingest, j->call->work, result, err);
    free(rejects);
    return status;
}

static rs_status stage_ingest(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_night *night = &j->night;
    rs_ingest_result result = {.row_count = 0};
    char *folder = rsi_inbox_folder(j->o->inbox, night->date);
    char **paths = calloc(night->file_count + 1, sizeof *paths);
    if (folder == NULL || paths == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < night->file_count; i++) {
        if (asprintf(&paths[i], "%s/%s", folder, night->files[i]) < 0) {
            paths[i] = NULL;
            status = no_memory(err);
            goto done;
        }
    }
    if (night->file_count > 0) { /* else all feeds were missing, and accepted */
        RS_TRY(ingest_files(j, (const char *const *)paths, &result, err));
    }
    night->row_count = result.row_count;
    night->rejected_count = result.rejected_count;
done:
    for (size_t i = 0; paths != NULL && i < night->file_count; i++) {
        free(paths[i]);
    }
    free(paths);
    free(folder);
    return status;
}

static rs_status stage_compact(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    rs_compact_result result;
    rsi_batch *batch = NULL;
    RS_TRY(rsi_compact_when_due(j->call, &result, err));
    /* One that was killed behind its commit is not due again; what it left, a writer clears away.
     */
    RS_TRY(rsi_batch_open(&batch, j->call->words[0], false, j->call->work, err));
done:
    rsi_batch_close(batch);
    return status;
}

static rs_status stage_run(job *j, rs_error *err)
{
    rsi_run_options run = RSI_RUN_DEFAULTS;
    rsi_call call = *j->call;
    run.inputs = j->o->inputs;
    run.model = j->o->model;
    run.keep_runs = j->o->keep_runs;
    call.options = &run;
    call.quiet = true;
    (void)malloc_trim(0); /* what the ingest had: a run forks first of all */
    return rsi_run(&call, &j->night.run, err);
}

/* What `ringscope feedback` does, of the night's run. */
static rs_status stage_feedback(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    char note[32];
    rsi_fed fed;
    rs_feedback_result *result = &fed.result;
    char *outbox = rsi_out_path(j->o->out, ".", "outbox.jsonl");
    rsi_feeding what = {.run = j->night.run,
                        .db = j->o->inputs.db,
                        .by = RSI_FEEDBACK_BY,
                        .note = note,
                        .outbox = outbox};
    if (outbox == NULL) {
        return no_memory(err);
    }
    snprintf(note, sizeof note, "night of %s", j->night.date);
    if (!j->o->no_feedback) {
        RS_TRY(rsi_feed_back(j->call, &what, &fed, err));
        j->night.fed = (rsi_night_fed){.done = true,
                                       .suspected_count = result->run_suspected_count,
                                       .added_count = result->run_added_count,
                                       .confirmed_count = result->confirmed_count,
                                       .cleared_count = result->cleared_count,
                                       .quiet_count = result->quiet_count};
    }
done:
    free(outbox);
    return status;
}

static rs_status copy_file(const job *j, rs_run_file file, const char *name, rs_error *err)
{
    char *path = rsi_out_path(j->o->out, j->night.date, name);
    if (path == NULL) {
        return no_memory(err);
    }
    rs_status status = rs_run_copy(j->call->words[0], &j->night.run, file, path, err);
    free(path);
    return status;
}

static rsi_attempt measure(const job *j)
{
    struct rusage own = {0};
    getrusage(RUSAGE_SELF, &own);
    return (rsi_attempt){.ended_unix_s = (int64_t)time(NULL),
                         .microseconds = rsi_clock_us() - j->start,
                         .peak_memory_bytes = (uint64_t)own.ru_maxrss * 1024};
}

static rs_status tell(const job *j, const rsi_account *account, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_attempt attempt = measure(j);
    char *page = rsi_out_path(j->o->out, j->night.date, "summary.md");
    char *json = rsi_out_path(j->o->out, j->night.date, "summary.json");
    if (page == NULL || json == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_night_page(account, page, err));
    RS_TRY(rsi_night_json(account, json, err));
    RS_TRY(rsi_night_metrics(account, &attempt, j->metrics, err));
done:
    free(page);
    free(json);
    return status;
}

static rs_status mark_rings(const job *j, rsi_changes *changes, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger *ledger = NULL;
    RS_TRY(
        rsi_ledger_open(&ledger, j->call, j->call->words[0], j->o->inputs.db, RS_LEDGER_READ, err));
    RS_TRY(rsi_changes_mark(changes, ledger, err));
done:
    rs_ledger_close(ledger);
    return status;
}

static rs_status stage_write(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_changes changes = {.ring_count = 0};
    rsi_account account = {.night = &j->night,
                           .end = RSI_NIGHT_OK,
                           .changes = &changes,
                           .feed_nights = j->o->feed_nights};
    RS_TRY(copy_file(j, RS_RUN_REPORT, "report.json", err));
    RS_TRY(copy_file(j, RS_RUN_RISKS, "risks.csv", err));
    RS_TRY(rsi_changes_find(&changes, j->call->words[0], &j->night, err));
    RS_TRY(mark_rings(j, &changes, err));
    RS_TRY(tell(j, &account, err));
    RS_TRY(rsi_out_point(j->o->out, j->night.date, err));
    if (j->o->keep_outputs > 0) {
        RS_TRY(rsi_out_rotate(j->o->out, j->o->keep_outputs, err));
    }
done:
    rsi_changes_free(&changes);
    return status;
}

static rs_status stage_take(job *j, rs_error *err)
{
    return rsi_inbox_take(&j->night, j->o->inbox, err);
}

static rs_status (*const stages[])(job *j, rs_error *err) = {
    [RSI_NIGHT_TAKE] = stage_take,         [RSI_NIGHT_INGEST] = stage_ingest,
    [RSI_NIGHT_COMPACT] = stage_compact,   [RSI_NIGHT_RUN] = stage_run,
    [RSI_NIGHT_FEEDBACK] = stage_feedback, [RSI_NIGHT_WRITE] = stage_write,
};

/* What the feeds brought is what is usual from the next night on. */
static void remember_feeds(rsi_night *night)
{
    for (size_t i = 0; i < night->feed_count; i++) {
        rsi_night_feed *feed = &night->feeds[i];
        if (feed->rows > 0) {
            memmove(feed->before + 1, feed->before,
                    (RSI_FEED_NIGHTS_MAX - 1) * sizeof *feed->before);
            feed->before[0] = feed->rows;
            feed->before_count += feed->before_count < RSI_FEED_NIGHTS_MAX;
        }
    }
}

/* From the stage that the state names to the end. */
static rs_status go_on(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_night *night = &j->night;
    RS_TRY(rsi_out_make(j->o->out, night->date, err));
    while (night->stage < RSI_NIGHT_DONE) {
        const char *name = rsi_night_stage_name(night->stage);
        RS_TRY(rs_work_report(j->call->work, name, "", 0, 0, err));
        RS_TRY(stages[night->stage](j, err));
        night->stage++;
        if (night->stage == RSI_NIGHT_DONE) {
            remember_feeds(night);
        }
        RS_TRY(rsi_night_write(night, &j->home, err));
    }
    if (night->rejected_count > 0) {
        j->call->exit_status = RSI_EXIT_REJECTED;
    }
done:
    return rs_context(err, status, "night of %s, %s", night->date,
                      rsi_night_stage_name(night->stage));
}

/* ---- the beginning --------------------------------------------------------------------------- */

static rs_status find_date(const job *j, char date[RSI_DATE_ROOM], rs_error *err)
{
    char now[RSI_FORMAT_MAX];
    rsi_timestamp time_of = {.unix_s = 0};
    const char *given = j->o->date;
    if (given == NULL) {
        given = rsi_format_time(now, (int64_t)time(NULL));
        now[RSI_DATE_ROOM - 1] = '\0';
    }
    if (!rsi_is_date(given) || rsi_timestamp_parse(rsi_text(given), RSI_UNIT_S, &time_of) != NULL) {
        return rs_fail(err, RS_EUSAGE,
                       "--date: a day such as 2026-11-22 was expected, found "
                       "\"%.40s\"",
                       given);
    }
    memcpy(date, given, RSI_DATE_ROOM);
    return RS_OK;
}

/* The night that is done becomes the one before. */
static void begin(rsi_night *night, const char *date)
{
    memcpy(night->last_date, night->date, RSI_DATE_ROOM);
    night->last_run = night->run;
    memcpy(night->date, date, RSI_DATE_ROOM);
    for (size_t i = 0; i < night->file_count; i++) {
        free(night->files[i]);
    }
    night->file_count = 0;
    night->row_count = night->rejected_count = 0;
    night->run = (rs_run_id){.text = ""};
    night->fed = (rsi_night_fed){.done = false};
    night->stage = RSI_NIGHT_TAKE;
}

static rs_status look(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t foreign_count = 0;
    rsi_inbox_options inbox = {.inbox = j->o->inbox,
                               .mapping = j->o->mapping,
                               .optional = j->o->optional,
                               .nights = j->o->feed_nights,
                               .least_percent = j->o->feed_least};
    RS_TRY(rsi_inbox_look(&j->night, &inbox, j->call->work, &foreign_count, err));
    RS_TRY(rsi_inbox_faults(&j->night, j->o->feed_nights, &j->stopped, err));
    if (foreign_count > 0 && !j->call->quiet) {
        fprintf(j->call->out, "left in the inbox, for no source of the mapping matches: %llu\n",
                (unsigned long long)foreign_count);
    }
done:
    return status;
}

/* A feed is not as usual: nothing is taken, and the state stays that of the night before. */
static rs_status stop(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_account account = {.night = &j->night,
                           .end = RSI_NIGHT_STOPPED,
                           .why = j->stopped,
                           .feed_nights = j->o->feed_nights};
    fflush(j->call->out);
    fprintf(stderr, "ringscope: the night of %s is stopped: ", j->night.date);
    rsi_print_text(stderr, rsi_text(j->stopped));
    fputs("; --accept-feeds goes on all the same\n", stderr);
    RS_TRY(rsi_out_make(j->o->out, j->night.date, err));
    RS_TRY(tell(j, &account, err));
    j->call->exit_status = RSI_EXIT_STOPPED;
done:
    return status;
}

/* The night `date`, after those that are done. */
static rs_status do_night(job *j, const char *date, rs_error *err)
{
    rs_status status = RS_OK;
    char number[RSI_FORMAT_MAX];
    int order = strcmp(date, j->night.date);
    if (order == 0) {
        if (!j->call->quiet) {
            fprintf(j->call->out, "the night of %s is done\n", date);
        }
        return RS_OK;
    }
    if (order < 0) {
        return rs_fail(err, RS_EUSAGE, "the night of %s would come after that of %s, which is done",
                       date, j->night.date);
    }
    begin(&j->night, date);
    RS_TRY(look(j, err));
    if (j->stopped != NULL && !j->o->accept_feeds) {
        return stop(j, err);
    }
    RS_TRY(rsi_night_write(&j->night, &j->home, err));
    RS_TRY(go_on(j, err));
    if (!j->call->quiet) {
        fprintf(j->call->out, "night of %s: %s rows; the summary is in %s/%s/summary.md\n", date,
                rsi_format_count(number, j->night.row_count), j->o->out, date);
    }
done:
    return status;
}

/* ---- what would be done ---------------------------------------------------------------------- */

static rs_status dry_run(job *j, const char *date, rs_error *err)
{
    rs_status status = RS_OK;
    FILE *out = j->call->out;
    if (j->night.stage != RSI_NIGHT_DONE) {
        fprintf(out, "would go on with the night of %s at its stage \"%s\"\n", j->night.date,
                rsi_night_stage_name(j->night.stage));
    }
    if (strcmp(date, j->night.date) <= 0) {
        if (j->night.stage == RSI_NIGHT_DONE) {
            fprintf(out, "the night of %s is done: nothing would be\n", j->night.date);
        }
        return RS_OK;
    }
    begin(&j->night, date);
    RS_TRY(look(j, err));
    RS_TRY(rsi_inbox_print(&j->night, j->o->feed_nights, out, err));
    if (j->stopped != NULL && !j->o->accept_feeds) {
        fprintf(out, "would stop the night of %s\n", date);
        j->call->exit_status = RSI_EXIT_STOPPED;
        goto done;
    }
    fprintf(out,
            "would take %zu files to \"%s/nights/%s\", ingest them as batch \"%s\", compact the "
            "store if that is due, run, %sand write \"%s/%s\"\n",
            j->night.file_count, j->o->inbox, date, date,
            j->o->no_feedback ? "" : "feed back what is confirmed, ", j->o->out, date);
done:
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static rs_status check_folder(const char *path, const char *option, rs_error *err)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode)
               ? RS_OK
               : rs_fail(err, RS_EUSAGE, "%s \"%s\" is no folder", option, path);
}

static rs_status check(job *j, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = j->o;
    const char *inputs[] = {o->inputs.blacklist, o->inputs.whitelist,
                            o->inputs.settings,  o->model,
                            o->mapping,          o->inbox};
    RS_TRY(check_folder(o->inbox, "--inbox", err));
    RS_TRY(rsi_check_output(o->out, "--out", j->call->words[0], inputs, 6, err));
    RS_TRY(rsi_check_file(o->metrics, "--metrics", err));
    RS_TRY(rsi_check_output(o->metrics, "--metrics", j->call->words[0], inputs, 5, err));
    j->metrics =
        o->metrics != NULL ? strdup(o->metrics) : rsi_out_path(o->out, ".", "metrics.prom");
    status = j->metrics == NULL ? no_memory(err) : RS_OK;
done:
    return status;
}

/* Monitoring learns of it; a failure to say so would hide the one that matters. */
static void tell_failure(const job *j, const rs_error *why)
{
    rs_error none;
    rsi_account account = {.night = &j->night,
                           .end = RSI_NIGHT_FAILED,
                           .why = why->message,
                           .feed_nights = j->o->feed_nights};
    if (j->night.date[0] != '\0' && j->night.stage != RSI_NIGHT_DONE &&
        rsi_out_make(j->o->out, j->night.date, &none) == RS_OK) {
        (void)!tell(j, &account, &none);
    }
}

static rs_status do_nights(job *j, const char *date, rs_error *err)
{
    rs_status status = RS_OK;
    if (j->night.stage != RSI_NIGHT_DONE) {
        if (!j->call->quiet) {
            fprintf(j->call->out, "going on with the night of %s at its stage \"%s\"\n",
                    j->night.date, rsi_night_stage_name(j->night.stage));
        }
        RS_TRY(go_on(j, err));
        if (strcmp(date, j->night.date) <= 0) {
            return RS_OK;
        }
    }
    RS_TRY(do_night(j, date, err));
done:
    if (status != RS_OK && status != RS_EINTERRUPTED && j->home.lock >= 0) {
        tell_failure(j, err);
    }
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    char date[RSI_DATE_ROOM];
    job j = {.call = call, .o = call->options, .home = RSI_NO_NIGHT_HOME, .start = rsi_clock_us()};
    RS_TRY(find_date(&j, date, err));
    RS_TRY(check(&j, err));
    if (j.o->dry_run) {
        RS_TRY(rsi_night_read(&j.night, call->words[0], err));
        RS_TRY(dry_run(&j, date, err));
    } else {
        RS_TRY(rsi_night_enter(&j.home, call->words[0], err));
        rsi_out_sweep(j.home.path);
        RS_TRY(rsi_night_read(&j.night, call->words[0], err));
        RS_TRY(do_nights(&j, date, err));
    }
done:
    rsi_night_free(&j.night);
    rsi_night_leave(&j.home);
    free(j.metrics);
    free(j.stopped);
    return status;
}

const rsi_command rsi_command_nightly = {
    .name = "nightly",
    .summary =
        "a whole night: take what arrived, ingest, compact, run, feed back, tell what changed",
    .words = "STORE --inbox DIR --out DIR --mapping MAP.json [options]",
    .about =
        "Takes the files that arrived in the inbox, ingests them as one batch named after the "
        "night, compacts\nSTORE when that is due, runs, feeds back (as feedback does), and writes "
        "report, risks, a page on what\nchanged since the night before, the same as JSON, and "
        "metrics. A feed that is missing, empty or far\nunder its usual size stops the night "
        "before anything is read (exit status 7). After a kill the same\ncall goes on at the "
        "stage where it was; of a night that is done it changes nothing.",
    .word_min = 1,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
