/* backup.c - `ringscope backup`: a consistent copy of a store, runs included, while others write.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "cli/ledger.h"
#include "ringscope/rescue.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    bool copy;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "copy",
     .value = RSI_FLAG,
     .offset = offsetof(options, copy),
     .help = "copy every file instead of linking it, so that no byte on disk is shared"},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "how to print the result; default text"},
    {0},
};

static void print(rsi_call *call, const rs_backup_result *result)
{
    char number[RSI_FORMAT_MAX];
    const options *chosen = call->options;
    if (chosen->format == FORMAT_JSON) {
        fputs("{\"backup\":", call->out);
        rsi_print_json_text(call->out, rsi_text(call->words[1]));
        fprintf(call->out,
                ",\"digest\":\"%s\",\"files\":%" PRIu64 ",\"runs\":%" PRIu64 ",\"bytes\":%" PRIu64
                ",\"copied_bytes\":%" PRIu64 "}\n",
                result->digest, result->file_count, result->run_count, result->bytes,
                result->copied_bytes);
        return;
    }
    fputs("OK ", call->out);
    rsi_print_text(call->out, rsi_text(call->words[1]));
    fprintf(call->out, ": %s files", rsi_format_count(number, result->file_count));
    fprintf(call->out, ", %s runs", rsi_format_count(number, result->run_count));
    fprintf(call->out, ", %s", rsi_format_bytes(number, result->bytes));
    fprintf(call->out, ", %s of them copied\n", rsi_format_bytes(number, result->copied_bytes));
}

/* The runs of the copy must be as whole as its data, which rs_backup has read. */
static rs_status check_runs(const char *path, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_violations found = {0};
    RS_TRY(rs_runs_verify(path, work, &found, err));
    if (found.count > 0) {
        status = rs_fail(err, RS_ECORRUPT,
                         "the backup \"%s\" is whole but for its runs: \"%s\": %s: %.600s", path,
                         found.kept[0].file, found.kept[0].id, found.kept[0].text);
    }
done:
    rs_violations_free(&found);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    rs_backup_options how = {.copy = chosen->copy};
    rs_backup_result result;
    const char *from = call->words[0];
    const char *to = call->words[1];
    RS_TRY(rsi_check_output(to, "backup", from, NULL, 0, err));
    RS_TRY(rsi_store_status(rs_backup(from, to, &how, call->work, &result, err), err));
    RS_TRY(check_runs(to, call->work, err));
    RS_TRY(rsi_ledger_backup(from, to, call->work, err));
    if (!call->quiet) {
        print(call, &result);
    }
done:
    return status;
}

const rsi_command rsi_command_backup = {
    .name = "backup",
    .summary = "copy a store as it is at one moment, while others write",
    .words = "STORE TO [options]",
    .about =
        "Makes TO a store that holds what STORE holds at one moment, its runs included, and its\n"
        "database of lists and verdicts as it is when the rest is copied. Others\n"
        "may read and write STORE meanwhile. TO must not be there, or be an empty directory.\n"
        "Files are hard links where the file system can, else copies; each is read and held\n"
        "against its digest. On failure TO is as it was.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
