/* ingest.c - `ringscope ingest`: files of rows into one new batch of a store.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/ingest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/profile.h"
#include "db/postgres.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct ingest_options {
    const char *mapping;
    const char *batch;
    const char *rejects;
    int64_t time_max;
    bool keep_rows;
    bool dry_run;
    int format;
} ingest_options;

static const rsi_option options[] = {
    {.name = "mapping",
     .value = RSI_WORD,
     .argument = "MAP.json",
     .offset = offsetof(ingest_options, mapping),
     .required = true,
     .help = "what the columns of the files mean"},
    {.name = "batch",
     .value = RSI_WORD,
     .argument = "NAME",
     .offset = offsetof(ingest_options, batch),
     .help = "name of the batch; by default a digest of its rows, so that the same rows sent "
             "again change nothing"},
    {.name = "rejects",
     .value = RSI_WORD,
     .argument = "FILE",
     .offset = offsetof(ingest_options, rejects),
     .help = "write bad rows with the reason to FILE and commit the rest; by default the first "
             "bad row stops the batch"},
    {.name = "time-max",
     .value = RSI_TIME,
     .argument = "TIME",
     .offset = offsetof(ingest_options, time_max),
     .help = "events later than TIME, a date meaning the end of that day, are bad rows; by default "
             "none are"},
    {.name = "keep-rows",
     .value = RSI_FLAG,
     .offset = offsetof(ingest_options, keep_rows),
     .help = "keep the file and line that each relation came from, so that a report can quote "
             "them"},
    {.name = "dry-run",
     .value = RSI_FLAG,
     .offset = offsetof(ingest_options, dry_run),
     .help = "look at the files through the mapping, print a profile, touch no store; STORE may "
             "be left out; exit status 6 when there are bad rows"},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(ingest_options, format),
     .help = "how to print the result; by default text"},
    {.name = NULL},
};

static void print_text(const rsi_call *call, const rs_ingest_result *result, uint64_t bytes)
{
    char number[RSI_FORMAT_MAX];
    fputs("batch    ", call->out);
    rsi_print_text(call->out, rsi_text(result->batch));
    fputs(!result->unchanged       ? "\n"
          : result->subjects_added ? " (was there already: only types became subjects)\n"
                                   : " (was there already: nothing changed)\n",
          call->out);
    fprintf(call->out, "rows     %s\n", rsi_format_count(number, result->row_count));
    fprintf(call->out, "edges    %s\n", rsi_format_count(number, result->edge_count));
    fprintf(call->out, "rejected %s\n", rsi_format_count(number, result->rejected_count));
    if (result->dropped_count > 0) {
        fprintf(call->out, "dropped  %s sent before\n",
                rsi_format_count(number, result->dropped_count));
    }
    fprintf(call->out, "store    %s\n", rsi_format_bytes(number, bytes));
}

static void print_json(const rsi_call *call, const rs_ingest_result *result, uint64_t bytes)
{
    fputs("{\"batch\":", call->out);
    rsi_print_json_text(call->out, rsi_text(result->batch));
    fprintf(call->out,
            ",\"unchanged\":%s,\"subjects_added\":%s,\"rows\":%" PRIu64 ",\"edges\":%" PRIu64
            ",\"rejected\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"store_bytes\":%" PRIu64 "}\n",
            result->unchanged ? "true" : "false", result->subjects_added ? "true" : "false",
            result->row_count, result->edge_count, result->rejected_count, result->dropped_count,
            bytes);
}

static rs_status store_bytes(const char *path, uint64_t *bytes, rs_error *err)
{
    rs_store *store = NULL;
    rs_status status = rsi_open_store(&store, path, err);
    if (status == RS_OK) {
        rs_store_size size = rs_store_bytes(store);
        *bytes = size.manifest + size.dictionary + size.relations + size.attributes + size.rows;
        rs_store_close(store);
    }
    return status;
}

/* With --dry-run the store may be left out: the first word is one where it is a folder, or where
 * nothing of that name exists and files follow. */
static bool names_store(const rsi_call *call)
{
    struct stat info;
    const char *word = call->words[0];
    if (call->word_count < 2 || rsi_postgres_is_address(word) || strpbrk(word, "*?[") != NULL ||
        strcmp(word, "-") == 0) {
        return false;
    }
    return stat(word, &info) != 0 || S_ISDIR(info.st_mode);
}

/* What would be done without a word is not asked for: somebody meant a real ingest. */
static rs_status check_dry_run(const ingest_options *given, rs_error *err)
{
    const char *vain = given->rejects != NULL ? "--rejects"
                       : given->batch != NULL ? "--batch"
                       : given->keep_rows     ? "--keep-rows"
                                              : NULL;
    return vain == NULL ? RS_OK
                        : rs_fail(err, RS_EUSAGE,
                                  "ingest: with --dry-run nothing is written: %s is in vain", vain);
}

static rs_status dry_run(rsi_call *call, const rs_ingest_options *ingest, int format, rs_error *err)
{
    rs_ingest_options files = *ingest;
    char *json = NULL;
    bool any_bad = false;
    bool skip = names_store(call);
    if (skip && !call->quiet) {
        fputs("ringscope: note: \"", stderr);
        rsi_print_text(stderr, rsi_text(call->words[0]));
        fputs("\" is taken for the store and left alone\n", stderr);
    }
    files.files = call->words + skip;
    files.file_count = call->word_count - skip;
    rs_status status = rs_ingest_profile(&files, call->work, &json, err);
    if (status == RS_OK) {
        status = rsi_print_profile(call->out, json, format == FORMAT_JSON, &any_bad, err);
    }
    if (any_bad) {
        call->exit_status = RSI_EXIT_REJECTED;
    }
    free(json);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const ingest_options *given = call->options;
    rs_ingest_options ingest = RS_INGEST_DEFAULTS;
    rs_ingest_result result;
    uint64_t bytes = 0;
    ingest.mapping = given->mapping;
    ingest.batch = given->batch;
    ingest.rejects = given->rejects;
    ingest.time_max = given->time_max;
    ingest.keep_rows = given->keep_rows;
    if (given->dry_run) {
        RS_TRY(check_dry_run(given, err));
        return dry_run(call, &ingest, given->format, err);
    }
    if (call->word_count < 2) {
        return rs_fail(err, RS_EUSAGE, "ingest: STORE and at least one FILE are needed");
    }
    if (rsi_postgres_is_address(call->words[0])) {
        return rs_fail(err, RS_EUSAGE, "ingest: STORE, a folder, goes before the database");
    }
    ingest.files = call->words + 1;
    ingest.file_count = call->word_count - 1;
    memset(&result, 0, sizeof result);
    RS_TRY(rsi_check_file(given->rejects, "--rejects", err));
    RS_TRY(rsi_check_output(given->rejects, "--rejects", call->words[0], &given->mapping, 1, err));
    RS_TRY(rsi_check_output(given->rejects, "--rejects", call->words[0], ingest.files,
                            ingest.file_count, err));
    RS_TRY(rs_ingest(call->words[0], &ingest, call->work, &result, err));
    RS_TRY(store_bytes(call->words[0], &bytes, err));
    if (given->format == FORMAT_JSON) {
        print_json(call, &result, bytes);
    } else {
        print_text(call, &result, bytes);
    }
    if (result.rejected_count > 0 && !result.unchanged) {
        call->exit_status = RSI_EXIT_REJECTED;
    }
done:
    return status;
}

static const ingest_options defaults = {.time_max = INT64_MAX};

const rsi_command rsi_command_ingest = {
    .name = "ingest",
    .summary = "read files of rows through a mapping into a new batch of a store",
    .words = "STORE --mapping MAP.json [options] FILE...",
    .about =
        "Read rows from CSV or JSON Lines files, plain, .gz or .zst, and append what they say "
        "to STORE\n"
        "as one batch, all or nothing; make STORE where there is none. FILE may be a pattern "
        "(quote it),\n"
        "- for standard input, or postgresql://... for the queries of the mapping. The mapping "
        "says\n"
        "which columns are accounts, things, times and amounts. Exit status 6 means: committed,\n"
        "but some rows were rejected.",
    .word_min = 1,
    .word_max = SIZE_MAX,
    .options = options,
    .options_size = sizeof(ingest_options),
    .defaults = &defaults,
    .run = run,
};
