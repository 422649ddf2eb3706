/* run_erase.c - runs that a store keeps, without a node that they name.
 *
 *     report.json                    "id" beside the "type", and "users" beside the "user_type":
 *                                    the id becomes "erased-STUB"; members, weights and counts stay
 *     risks.csv and both lists       the node's line goes
 *     run.json                       size and digest of what changed, and its own digest
 *
 * A run is written anew beside the old one and exchanged with it, as when it was kept. Its id, a
 * digest of what it was made from, stays.
 *
 * Cost: every run read once, those that name a node written once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/try.h"
#include "report/report.h"
#include "report/runs.h"
#include "report/trace.h"
#include "ringscope/erase.h"

enum { LEVELS = 32 };

/* One run on its way. */
typedef struct eraser {
    const char *store_path;
    const rs_node_name *nodes;
    const rs_stub *stubs;
    size_t count;
    rs_run_id id;
    const char *made; /* folder of the new run */
    rsi_json *json;
    uint64_t hits; /* in the file at hand */
} eraser;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (erasure)");
}

static bool same(rs_text text, const char *bytes, size_t length)
{
    return text.length == length && (length == 0 || memcmp(text.bytes, bytes, length) == 0);
}

/* The number of the node that is of that type and id, or the count. */
static size_t find(const eraser *e, rs_text type, rs_text id)
{
    size_t i = 0;
    while (i < e->count && !(same(id, e->nodes[i].id.bytes, e->nodes[i].id.length) &&
                             same(type, e->nodes[i].type, strlen(e->nodes[i].type)))) {
        i++;
    }
    return i;
}

/* ---- the report: a line at a time ------------------------------------------------------------ */

/* What is known of an object, or of the list that is a value of it. */
typedef struct level {
    rs_text type; /* of "type" or "user_type" */
    bool users;   /* a list of ids of the type */
} level;

/* Which of an object's keys came last. */
typedef enum key { KEY_OTHER, KEY_TYPE, KEY_ID, KEY_USERS } key;

static key key_of(rs_text text)
{
    if (same(text, "type", 4) || same(text, "user_type", 9)) {
        return KEY_TYPE;
    }
    return same(text, "id", 2) ? KEY_ID : same(text, "users", 5) ? KEY_USERS : KEY_OTHER;
}

/* Behind the string that begins with a quote at `at`. */
static size_t string_end(const char *bytes, size_t length, size_t at)
{
    for (at++; at < length && bytes[at] != '"'; at++) {
        at += bytes[at] == '\\';
    }
    return at < length ? at + 1 : length;
}

/* Write the line with ids replaced. A line whose braces hold no JSON document is copied. */
static void put_line(eraser *e, rsi_out *out, const char *line, size_t length)
{
    level levels[LEVELS] = {{.users = false}};
    size_t depth = 0;
    size_t written = 0;
    key last = KEY_OTHER;
    rs_text text;
    const char *open = memchr(line, '{', length);
    const char *close = memrchr(line, '}', length);
    if (open == NULL || close == NULL || close < open) {
        rsi_out_bytes(out, line, length);
        return;
    }
    size_t start = (size_t)(open - line);
    rsi_json_start(e->json, open, (size_t)(close - open) + 1);
    for (;;) {
        rsi_json_token token = rsi_json_next(e->json, &text);
        size_t at = start + rsi_json_offset(e->json);
        bool id = token == RSI_JSON_STRING && (last == KEY_ID || levels[depth].users);
        if (token == RSI_JSON_END || token == RSI_JSON_BAD) {
            break;
        }
        if (token == RSI_JSON_KEY) {
            last = key_of(text);
            continue;
        }
        if (token == RSI_JSON_OBJECT || token == RSI_JSON_ARRAY) {
            bool users = token == RSI_JSON_ARRAY && last == KEY_USERS;
            rs_text type = users ? levels[depth].type : (rs_text){0};
            depth += depth + 1 < LEVELS;
            levels[depth] = (level){.type = type, .users = users};
        } else if (token == RSI_JSON_OBJECT_END || token == RSI_JSON_ARRAY_END) {
            depth -= depth > 0;
        } else if (token == RSI_JSON_STRING && last == KEY_TYPE) {
            levels[depth].type = text;
        } else if (id && find(e, levels[depth].type, text) < e->count) {
            size_t node = find(e, levels[depth].type, text);
            rsi_out_bytes(out, line + written, at - written);
            rsi_out_string(out, "\"erased-");
            rsi_out_string(out, e->stubs[node].text);
            rsi_out_string(out, "\"");
            written = string_end(line, length, at);
            e->hits++;
        }
        last = KEY_OTHER;
    }
    rsi_out_bytes(out, line + written, length - written);
}

static rs_status rewrite_report(eraser *e, const char *from, rsi_out *out, rs_error *err)
{
    rs_status status = RS_OK;
    char *line = NULL;
    size_t room = 0;
    FILE *in = fopen(from, "rbe");
    if (in == NULL) {
        return rs_fail(err, RS_EIO, "open \"%s\": %s", from, strerror(errno));
    }
    for (ssize_t length = getline(&line, &room, in); length >= 0;
         length = getline(&line, &room, in)) {
        put_line(e, out, line, (size_t)length);
        RS_TRY(rsi_out_check(out, err));
    }
    if (ferror(in)) {
        status = rs_fail(err, RS_EIO, "\"%s\": read: %s", from, strerror(errno));
    }
done:
    free(line);
    fclose(in);
    return status;
}

/* ---- risks and lists ------------------------------------------------------------------------- */

static void put_record(rsi_out *out, const rs_text *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rsi_out_string(out, i == 0 ? "" : ",");
        rsi_out_csv(out, fields[i]);
    }
    rsi_out_string(out, "\n");
}

/* The first line, as it stands; *fields are counted by their commas: no column's name has any. */
static rs_status put_head(const char *from, rsi_out *out, size_t *fields, rs_error *err)
{
    char head[256] = "";
    FILE *in = fopen(from, "rbe");
    bool read = in != NULL && fgets(head, sizeof head, in) != NULL;
    if (in != NULL) {
        fclose(in);
    }
    if (!read || strncmp(head, "type,id,", 8) != 0) {
        return rs_fail(err, RS_ECORRUPT, "\"%s\": the columns type and id were expected", from);
    }
    *fields = 1;
    for (const char *at = head; *at != '\0'; at++) {
        *fields += *at == ',';
    }
    rsi_out_string(out, head);
    return RS_OK;
}

static rs_status rewrite_csv(eraser *e, const char *from, rsi_out *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv *csv = NULL;
    const rs_text *fields = NULL;
    uint64_t line = 0;
    size_t count = 0;
    RS_TRY(put_head(from, out, &count, err));
    RS_TRY(rsi_csv_open(&csv, from, err));
    for (;;) {
        RS_TRY(rsi_csv_next(csv, &fields, &line, err));
        if (fields == NULL) {
            break;
        }
        if (find(e, fields[0], fields[1]) < e->count) {
            e->hits++;
        } else {
            put_record(out, fields, count);
        }
        RS_TRY(rsi_out_check(out, err));
    }
done:
    rsi_csv_close(csv);
    return status;
}

/* ---- the sidecar ----------------------------------------------------------------------------- */

/* The line of one file: what it says of bytes and digest. */
static rs_status put_note(rsi_buffer *text, rs_run_file file, const rsi_file_note *note,
                          rs_error *err)
{
    char name[64];
    char line[160];
    snprintf(name, sizeof name, "\"%s\":{", rsi_run_file_name(file));
    snprintf(line, sizeof line, "\"bytes\":%llu,\"xxh3_128\":\"%s\"",
             (unsigned long long)note->bytes, note->digest);
    const char *bytes = (const char *)text->bytes;
    const char *at = memmem(bytes, text->length, name, strlen(name));
    const char *end = at == NULL ? NULL : memchr(at, '}', text->length - (size_t)(at - bytes));
    if (end == NULL) {
        return rs_fail(err, RS_ECORRUPT, "the sidecar of the run does not name \"%s\"",
                       rsi_run_file_name(file));
    }
    rs_status status = RS_OK;
    rsi_buffer changed = {0};
    size_t start = (size_t)(at - bytes) + strlen(name);
    RS_TRY(rsi_buffer_add(&changed, bytes, start, err));
    RS_TRY(rsi_buffer_add(&changed, line, strlen(line), err));
    RS_TRY(rsi_buffer_add(&changed, end, text->length - (size_t)(end - bytes), err));
    rsi_buffer_free(text);
    *text = changed;
    changed = (rsi_buffer){0};
done:
    rsi_buffer_free(&changed);
    return status;
}

/* Take a file that was left out from the list of them. */
static void cut_note(rsi_buffer *text, rs_run_file file)
{
    char name[64];
    snprintf(name, sizeof name, ",\n\"%s\":{", rsi_run_file_name(file));
    char *bytes = (char *)text->bytes;
    char *at = memmem(bytes, text->length, name, strlen(name));
    char *end = at == NULL ? NULL : memchr(at, '}', text->length - (size_t)(at - bytes));
    if (end != NULL) {
        size_t left = text->length - (size_t)(end + 1 - bytes);
        memmove(at, end + 1, left);
        text->length = (size_t)(at - bytes) + left;
    }
}

static rs_status read_all(const char *path, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    char part[4096];
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        return rs_fail(err, RS_EIO, "open \"%s\": %s", path, strerror(errno));
    }
    for (size_t count = fread(part, 1, sizeof part, in); count > 0;
         count = fread(part, 1, sizeof part, in)) {
        RS_TRY(rsi_buffer_add(out, part, count, err));
    }
    if (ferror(in)) {
        status = rs_fail(err, RS_EIO, "\"%s\": read: %s", path, strerror(errno));
    }
done:
    fclose(in);
    return status;
}

static rs_status rewrite_sidecar(const char *from, const char *to, const rsi_file_note *notes,
                                 rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    rsi_out *out = NULL;
    char digest[33];
    RS_TRY(read_all(from, &text, err));
    for (int file = 0; file < RS_RUN_NETWORK; file++) {
        RS_TRY(put_note(&text, (rs_run_file)file, &notes[file], err));
    }
    cut_note(&text, RS_RUN_NETWORK);
    cut_note(&text, RS_RUN_COUNTS);
    size_t seal = strlen(RSI_SIDECAR_DIGEST) + 32 + strlen(RSI_SIDECAR_END);
    RS_TRY(rsi_out_open(&out, to, err));
    rsi_out_bytes(out, (const char *)text.bytes,
                  text.length - seal); /* it was checked to be there */
    rsi_hex128(rsi_out_digest_so_far(out), digest);
    rsi_out_string(out, RSI_SIDECAR_DIGEST);
    rsi_out_string(out, digest);
    rsi_out_string(out, RSI_SIDECAR_END);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rsi_buffer_free(&text);
    return status;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static rs_status rewrite_file(eraser *e, rs_run_file file, rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *to = NULL;
    char *from = rs_run_path(e->store_path, &e->id, file);
    if (from == NULL || asprintf(&to, "%s/%s", e->made, rsi_run_file_name(file)) < 0) {
        to = NULL;
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_out_open(&out, to, err));
    switch (file) {
    case RS_RUN_RISKS:
    case RS_RUN_BLACKLIST:
    case RS_RUN_WHITELIST:
        RS_TRY(rewrite_csv(e, from, out, err));
        break;
    case RS_RUN_REPORT:
    case RS_RUN_SETTINGS:
    case RS_RUN_NETWORK:
    case RS_RUN_COUNTS:
    case RS_RUN_SIDECAR:
        RS_TRY(rewrite_report(e, from, out, err));
        break;
    }
    RS_TRY(rsi_out_commit(out, err));
    *note = rsi_note(out);
done:
    rsi_out_close(out);
    free(from);
    free(to);
    return status;
}

/* A file that names nobody must come out as it went in: what does not is not of our making. */
static rs_status check_rest(const eraser *e, rs_run_file file, const rsi_file_note *before,
                            const rsi_file_note *after, uint64_t hits, rs_error *err)
{
    if (hits == 0 && strcmp(before->digest, after->digest) != 0) {
        return rs_fail(err, RS_ECORRUPT, "run %s: \"%s\" is not of the form that a run writes",
                       e->id.text, rsi_run_file_name(file));
    }
    return RS_OK;
}

/* What explains a run holds every id that the run knew, risk or not; it goes as a whole, and the
 * network is then built again from the store. */
static rs_status look_into_trace(const eraser *e, bool *changed, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced *traced = NULL;
    RS_TRY(rsi_traced_open(&traced, e->store_path, &e->id, err));
    for (size_t i = 0; traced != NULL && i < e->count; i++) {
        uint32_t node = RS_NO_NODE;
        rs_text type = {e->nodes[i].type, strlen(e->nodes[i].type)};
        RS_TRY(rsi_traced_find(traced, type, e->nodes[i].id, &node, err));
        *changed = *changed || node != RS_NO_NODE;
    }
done:
    rsi_traced_close(traced);
    return status;
}

/* *changed: a run without the nodes stands in e->made. */
static rs_status rewrite_run(eraser *e, bool *changed, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_info info;
    rsi_file_note before[RSI_RUN_FILES] = {{0}};
    rsi_file_note after[RSI_RUN_FILES] = {{0}};
    char *from = NULL;
    char *to = NULL;
    RS_TRY(rsi_run_read(e->store_path, &e->id, &info, before, err));
    RS_TRY(look_into_trace(e, changed, err));
    for (int file = 0; file < RS_RUN_NETWORK; file++) {
        RS_TRY(rsi_run_hold(e->store_path, &e->id, (rs_run_file)file, &before[file], err));
        e->hits = 0;
        RS_TRY(rewrite_file(e, (rs_run_file)file, &after[file], err));
        RS_TRY(check_rest(e, (rs_run_file)file, &before[file], &after[file], e->hits, err));
        *changed = *changed || e->hits > 0;
    }
    from = rs_run_path(e->store_path, &e->id, RS_RUN_SIDECAR);
    if (from == NULL || asprintf(&to, "%s/%s", e->made, rsi_run_file_name(RS_RUN_SIDECAR)) < 0) {
        to = NULL;
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rewrite_sidecar(from, to, after, err));
done:
    free(from);
    free(to);
    return status;
}

static rs_status erase_from_run(eraser *e, const char *runs, uint64_t *run_count, rs_error *err)
{
    rs_status status = RS_OK;
    bool changed = false;
    char *path = NULL;
    rsi_run_remove(e->made);
    if (mkdir(e->made, 0777) != 0) {
        return rs_fail(err, RS_EIO, "make folder \"%s\": %s", e->made, strerror(errno));
    }
    RS_TRY(rewrite_run(e, &changed, err));
    if (changed) {
        if (asprintf(&path, "%s/%s", runs, e->id.text) < 0) {
            path = NULL;
            status = no_memory(err);
            goto done;
        }
        RS_TRY(rsi_run_publish(e->made, path, err));
        ++*run_count;
    }
done:
    rsi_run_remove(e->made);
    free(path);
    return rs_context(err, status, "run %s", e->id.text);
}

rs_status rs_runs_erase(const char *store_path, const rs_node_name *nodes, const rs_stub *stubs,
                        size_t count, const rs_work *work, uint64_t *run_count, rs_error *err)
{
    rs_status status = RS_OK;
    eraser e = {.store_path = store_path, .nodes = nodes, .stubs = stubs, .count = count};
    char *runs = NULL;
    char *made = NULL;
    rs_run_id *ids = NULL;
    size_t id_count = 0;
    *run_count = 0;
    if (asprintf(&runs, "%s/runs", store_path) < 0) {
        runs = NULL;
        status = no_memory(err);
        goto done;
    }
    if (asprintf(&made, "%s/.tmp-%ld", runs, (long)getpid()) < 0) {
        made = NULL;
        status = no_memory(err);
        goto done;
    }
    e.made = made;
    rsi_run_remove_leftovers(runs); /* a killed one may have left a run that names the node */
    RS_TRY(rsi_json_new(&e.json, err));
    RS_TRY(rsi_run_list(store_path, &ids, &id_count, err));
    for (size_t i = 0; i < id_count; i++) {
        RS_TRY(rs_work_report(work, "erase", "runs", i, id_count, err));
        e.id = ids[i];
        RS_TRY(erase_from_run(&e, runs, run_count, err));
    }
done:
    rsi_json_free(e.json);
    free(ids);
    free(runs);
    free(made);
    return rs_context(err, status, "erase from runs");
}

/* ---- the record ------------------------------------------------------------------------------ */

/* One line of JSON, in the text of a file under another name that rsi_out knows how to write. */
static void put_erasure(rsi_out *out, const rs_erasure *erasure)
{
    rsi_out_string(out, erasure->done ? "{\"event\":\"done\",\"when\":\""
                                      : "{\"event\":\"begun\",\"when\":\"");
    rsi_out_time(out, erasure->when_unix_s);
    rsi_out_string(out, "\",\"stub\":\"");
    rsi_out_string(out, erasure->stub.text);
    rsi_out_string(out, "\",\"type\":");
    rsi_out_json_string(out, erasure->type);
    if (erasure->reason != NULL) {
        rsi_out_string(out, ",\"reason\":");
        rsi_out_json_string(out, erasure->reason);
    }
    if (erasure->done) {
        rsi_out_string(out, ",\"relations\":");
        rsi_out_count(out, erasure->edge_count);
        rsi_out_string(out, ",\"runs\":");
        rsi_out_count(out, erasure->run_count);
    }
    rsi_out_string(out, "}\n");
}

/* The record so far and one line more, written whole under another name: a kill never leaves half
 * a line. */
rs_status rs_erasure_note(const char *store_path, const rs_erasure *erasure, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer before = {0};
    rsi_out *out = NULL;
    char *path = NULL;
    if (asprintf(&path, "%s/erasures.jsonl", store_path) < 0) {
        return no_memory(err);
    }
    if (access(path, F_OK) == 0) {
        RS_TRY(read_all(path, &before, err));
    }
    RS_TRY(rsi_out_open(&out, path, err));
    if (before.length > 0) {
        rsi_out_bytes(out, (const char *)before.bytes, before.length);
    }
    put_erasure(out, erasure);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rsi_buffer_free(&before);
    free(path);
    return rs_context(err, status, "record of erasures");
}
