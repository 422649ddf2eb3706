/* erase.c - `ringscope erase`: take a person out of the store, the dictionary and past runs.
 *
 * The record is begun before anything is changed and closed when all is done; a call that was
 * killed is made again, and finds what is left to do.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/try.h"
#include "cli/ledger.h"
#include "ringscope/erase.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    const char *reason;
    const char *db;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "reason",
     .value = RSI_WORD,
     .argument = "TEXT",
     .offset = offsetof(options, reason),
     .help = "why; stands in the record of erasures, so it must not name the person",
     .required = true},
    {.name = "db",
     .value = RSI_WORD,
     .argument = "PLACE",
     .offset = offsetof(options, db),
     .help = RSI_DB_HELP},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "how to print the result; default text"},
    {0},
};

/* Who goes. */
typedef struct persons {
    size_t count;
    char **types; /* owned */
    rs_node_name *nodes;
    rs_stub *stubs;
} persons;

static void free_persons(persons *all)
{
    for (size_t i = 0; all->types != NULL && i < all->count; i++) {
        free(all->types[i]);
    }
    free(all->types);
    free(all->nodes);
    free(all->stubs);
}

/* Drawn at random: a digest of an id could be found by trying ids. */
static rs_status draw_stub(rs_stub *stub, rs_error *err)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        return rs_fail(err, RS_EIO, "random numbers: %s", strerror(errno));
    }
    snprintf(stub->text, sizeof stub->text, "%016" PRIx64, bits);
    return RS_OK;
}

static rs_status read_person(persons *all, size_t i, const char *word, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text id = {0};
    RS_TRY(rsi_split_name(word, &all->types[i], &id, err));
    all->nodes[i] = (rs_node_name){.type = all->types[i], .id = id};
    RS_TRY(draw_stub(&all->stubs[i], err));
done:
    return status;
}

/* Whether one of the words before, from the second, is the same. */
static bool is_repeated(const rsi_call *call, size_t word)
{
    size_t i = 1;
    while (i < word && strcmp(call->words[i], call->words[word]) != 0) {
        i++;
    }
    return i < word;
}

static rs_status read_persons(persons *all, const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    all->types = calloc(call->word_count, sizeof *all->types);
    all->nodes = calloc(call->word_count, sizeof *all->nodes);
    all->stubs = calloc(call->word_count, sizeof *all->stubs);
    if (all->types == NULL || all->nodes == NULL || all->stubs == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 1; i < call->word_count; i++) {
        if (!is_repeated(call, i)) {
            RS_TRY(read_person(all, all->count++, call->words[i], err));
        }
    }
done:
    return status;
}

/* What the database of lists and verdicts holds of them. */
static rs_status erase_from_ledger(const rsi_call *call, const persons *all, uint64_t *rows,
                                   rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    rs_ledger *ledger = NULL;
    rs_act act;
    *rows = 0;
    RS_TRY(rsi_ledger_open(&ledger, call, call->words[0], chosen->db, RS_LEDGER_READ, err));
    for (size_t i = 0; ledger != NULL && i < all->count; i++) {
        uint64_t count = 0;
        RS_TRY(rsi_act_now(&act, "ringscope erase", chosen->reason, err));
        RS_TRY(rs_ledger_erase(ledger, rsi_text(all->nodes[i].type), all->nodes[i].id, &act, &count,
                               err));
        *rows += count;
    }
done:
    rs_ledger_close(ledger);
    return status;
}

static void print(const rsi_call *call, const persons *all, const rs_erase_result *result,
                  uint64_t run_count, uint64_t ledger_rows)
{
    const options *chosen = call->options;
    uint64_t edges = result->compact.edges_before - result->compact.edges_after;
    char number[RSI_FORMAT_MAX];
    if (chosen->format == FORMAT_JSON) {
        fprintf(
            call->out,
            "{\"asked\":%zu,\"in_store\":%" PRIu64 ",\"relations\":%" PRIu64 ",\"runs\":%" PRIu64
            ",\"list_rows\":%" PRIu64 ",\"files_left\":%" PRIu64 ",\"stubs\":[",
            all->count, result->found_count, edges, run_count, ledger_rows, result->leftover_count);
        for (size_t i = 0; i < all->count; i++) {
            fprintf(call->out, "%s\"%s\"", i == 0 ? "" : ",", all->stubs[i].text);
        }
        fputs("]}\n", call->out);
        return;
    }
    fprintf(call->out, "erased from the store: %s of",
            rsi_format_count(number, result->found_count));
    fprintf(call->out, " %s\n", rsi_format_count(number, all->count));
    fprintf(call->out, "relations that went: %s\n", rsi_format_count(number, edges));
    fprintf(call->out, "runs rewritten: %s\n", rsi_format_count(number, run_count));
    if (ledger_rows > 0) {
        fprintf(call->out, "rows of lists and verdicts: %s\n",
                rsi_format_count(number, ledger_rows));
    }
    for (size_t i = 0; i < all->count; i++) {
        fprintf(call->out, "stub: %s\n", all->stubs[i].text);
    }
    if (result->leftover_count > 0) {
        fprintf(
            call->out,
            "%s files of before are held by readers: they go with the next batch or compaction\n",
            rsi_format_count(number, result->leftover_count));
    }
}

static rs_status erase(const rsi_call *call, const persons *all, rs_erasure *erasure,
                       rs_erase_result *result, uint64_t *ledger_rows, rs_error *err)
{
    rs_status status = RS_OK;
    const char *path = call->words[0];
    RS_TRY(erase_from_ledger(call, all, ledger_rows, err));
    RS_TRY(rs_erase(path, erasure->nodes, erasure->count, call->work, result, err));
    erasure->when_unix_s = (int64_t)time(NULL);
    erasure->found_count = result->found_count;
    erasure->edge_count = result->compact.edges_before - result->compact.edges_after;
    RS_TRY(rs_runs_erase(path, erasure, call->work, err));
done:
    return status;
}

/* That it failed is noted too: what is begun and not ended is under way, or was killed. */
static void note_failure(const rsi_call *call, rs_erasure *erasure)
{
    erasure->event = RS_ERASURE_FAILED;
    erasure->when_unix_s = (int64_t)time(NULL);
    (void)!rs_erasure_note(call->words[0], erasure, NULL, NULL);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    persons all = {0};
    rs_store *store = NULL;
    rs_erase_result result = {0};
    uint64_t ledger_rows = 0;
    const char *path = call->words[0];
    RS_TRY(read_persons(&all, call, err));
    RS_TRY(rsi_open_store(&store, path, err));
    rs_store_close(store); /* it is there */
    rs_erasure erasure = {.event = RS_ERASURE_BEGUN,
                          .when_unix_s = (int64_t)time(NULL),
                          .nodes = all.nodes,
                          .stubs = all.stubs,
                          .count = all.count,
                          .reason = chosen->reason};
    RS_TRY(rs_erasure_note(path, &erasure, call->work, err));
    status = erase(call, &all, &erasure, &result, &ledger_rows, err);
    if (status != RS_OK) {
        note_failure(call, &erasure);
        goto done;
    }
    if (!call->quiet) {
        print(call, &all, &result, erasure.run_count, ledger_rows);
    }
    if (erasure.event == RS_ERASURE_ABSENT && ledger_rows == 0) {
        status = rs_fail(err, RS_ENOTFOUND, "neither the store \"%s\" nor a run of it has %s", path,
                         all.count == 1 ? "such a node" : "any of these nodes");
    }
done:
    free_persons(&all);
    return status;
}

const rsi_command rsi_command_erase = {
    .name = "erase",
    .summary = "take a person out of a store and its past runs for good",
    .words = "STORE TYPE:ID... --reason TEXT [options]",
    .about =
        "Writes STORE anew without the nodes named, such as account:u17: their ids, relations\n"
        "and attributes are gone, as after a compaction. In the runs that STORE keeps their\n"
        "lines go, and a stub drawn at random stands for the id. Lists, verdicts and the audit\n"
        "trail lose them too. The record of erasures\n"
        "(STORE/erasures.jsonl) keeps when, why and the stub, never the id.",
    .word_min = 2,
    .word_max = SIZE_MAX,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
