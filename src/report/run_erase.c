/* run_erase.c - runs that a store keeps, without a node that they name.
 *
 *     report.json                    "id" beside the "type", and "users" beside the "user_type":
 *                                    the id becomes "erased-STUB"; members, weights and counts stay
 *     risks.csv and both lists       the node's line goes
 *     rings.bin, history.bin         the node is a member no more
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
#include "base/file.h"
#include "base/json.h"
#include "base/try.h"
#include "feedback/track_state.h"
#include "report/report.h"
#include "report/runs.h"
#include "report/trace.h"
#include "ringscope/erase.h"

enum { LEVELS = 32, PIECE = 1 << 20, RECORD_MAX = 1 << 30 };

/* One run on its way. */
typedef struct eraser {
    const char *store_path;
    const rs_node_name *nodes;
    const rs_stub *stubs;
    size_t count;
    rs_run_id id;
    rsi_runs runs;   /* locked */
    rsi_making made; /* the new run */
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

/* Whole records of a list or of risks as they stand, less those of the nodes. */
static rs_status put_records(eraser *e, rsi_csv_scan *scan, const char *bytes, size_t length,
                             rsi_out *out, rs_error *err)
{
    size_t written = 0;
    bool no_memory_left = false;
    rsi_csv_record record;
    rsi_csv_scan_start(scan, bytes, length);
    while (rsi_csv_scan_next(scan, &record, &no_memory_left)) {
        if (record.problem != NULL || record.field_count < 2) {
            return rs_fail(err, RS_ECORRUPT, "%s",
                           record.problem != NULL ? record.problem
                                                  : "a type and an id were expected");
        }
        if (find(e, record.fields[0], record.fields[1]) < e->count) {
            rsi_out_bytes(out, bytes + written, record.start - written);
            written = rsi_csv_scan_at(scan);
            e->hits++;
        }
    }
    rsi_out_bytes(out, bytes + written, length - written);
    return no_memory_left ? no_memory(err) : rsi_out_check(out, err);
}

/* The first line, as it stands. */
static rs_status put_head(const rsi_buffer *piece, size_t *length, rsi_out *out, rs_error *err)
{
    static const char head[] = "type,id,";
    const char *bytes = (const char *)piece->bytes;
    const char *end = piece->length == 0 ? NULL : memchr(bytes, '\n', piece->length);
    if (end == NULL || strncmp(bytes, head, strlen(head)) != 0) {
        return rs_fail(err, RS_ECORRUPT, "the columns type and id were expected");
    }
    *length = (size_t)(end - bytes) + 1;
    rsi_out_bytes(out, bytes, *length);
    return RS_OK;
}

/* Up to PIECE bytes more behind those that are there; *count: how many. */
static rs_status read_piece(int in, rsi_buffer *piece, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    ssize_t part;
    RS_TRY(rsi_buffer_reserve(piece, PIECE, err));
    do {
        part = read(in, piece->bytes + piece->length, PIECE);
    } while (part < 0 && errno == EINTR);
    if (part < 0) {
        status = rs_fail(err, RS_EIO, "read: %s", strerror(errno));
        goto done;
    }
    *count = (size_t)part;
    piece->length += *count;
done:
    return status;
}

static rs_status rewrite_csv(eraser *e, const char *from, rsi_out *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer piece = {0};
    rsi_csv_scan *scan = NULL;
    size_t count = 0;
    size_t done_with = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        status = rs_fail(err, RS_EIO, "open: %s", strerror(errno));
        goto done;
    }
    RS_TRY(rsi_csv_scan_new(&scan, ',', 2, err));
    RS_TRY(read_piece(in, &piece, &count, err));
    RS_TRY(put_head(&piece, &done_with, out, err));
    while (count > 0) {
        piece.length -= done_with;
        memmove(piece.bytes, piece.bytes + done_with, piece.length);
        RS_TRY(read_piece(in, &piece, &count, err));
        const char *bytes = (const char *)piece.bytes;
        done_with = count > 0 ? rsi_csv_whole(bytes, piece.length, ',') : piece.length;
        RS_TRY(put_records(e, scan, bytes, done_with, out, err));
    }
done:
    if (in >= 0) {
        close(in);
    }
    rsi_csv_scan_free(scan);
    rsi_buffer_free(&piece);
    return rs_context(err, status, "\"%s\"", from);
}

/* ---- rings from night to night --------------------------------------------------------------- */

static rs_status rewrite_rings(eraser *e, const char *from, rsi_out *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer file = {0};
    rsi_track_state state = {0};
    RS_TRY(rsi_read_file(AT_FDCWD, from, RSI_TRACK_FILE_MAX, &file, err));
    RS_TRY(rsi_track_decode(file.bytes, file.length, &state, err));
    file.length = 0;
    rsi_track_erase(&state, e->nodes, e->count, &e->hits);
    RS_TRY(rsi_track_encode(&state, &file, err));
    rsi_out_bytes(out, (const char *)file.bytes, file.length);
done:
    rsi_track_state_free(&state);
    rsi_buffer_free(&file);
    return rs_context(err, status, "\"%s\"", from);
}

/* ---- the sidecar ----------------------------------------------------------------------------- */

/* Where the value of the document's key "files" stands; false: there is none. */
static bool find_files(rsi_json *json, size_t *start, size_t *end)
{
    rs_text text;
    if (rsi_json_next(json, &text) != RSI_JSON_OBJECT) {
        return false;
    }
    while (rsi_json_next(json, &text) == RSI_JSON_KEY) {
        bool files = same(text, "files", 5);
        rsi_json_token token = rsi_json_next(json, &text);
        size_t at = rsi_json_offset(json);
        if (!rsi_json_skip(json, token)) {
            return false;
        }
        if (files) {
            *start = at;
            *end = rsi_json_offset(json) + 1; /* of the brace that closes it */
            return token == RSI_JSON_OBJECT;
        }
    }
    return false;
}

/* The sidecar as it stands, but for the notes of the files. */
static rs_status rewrite_sidecar(eraser *e, const char *from, const char *to,
                                 const rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    rsi_out *out = NULL;
    size_t start = 0;
    size_t end = 0;
    RS_TRY(rsi_read_file(AT_FDCWD, from, RSI_SIDECAR_MAX, &text, err));
    const char *bytes = (const char *)text.bytes;
    size_t seal = strlen(RSI_SIDECAR_DIGEST) + 32 + strlen(RSI_SIDECAR_END);
    rsi_json_start(e->json, bytes, text.length);
    if (!find_files(e->json, &start, &end) || text.length - end < seal) {
        status = rs_fail(err, RS_ECORRUPT, "no list of the run's files");
        goto done;
    }
    RS_TRY(rsi_out_open(&out, to, err));
    rsi_out_bytes(out, bytes, start);
    rsi_sidecar_files(out, notes);
    rsi_out_bytes(out, bytes + end, text.length - seal - end);
    rsi_sidecar_seal(out);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    rsi_buffer_free(&text);
    return rs_context(err, status, "\"%s\"", from);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static rs_status rewrite_file(eraser *e, rs_run_file file, rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *to = NULL;
    char *from = rs_run_path(e->store_path, &e->id, file);
    if (from == NULL || asprintf(&to, "%s/%s", e->made.path, rsi_run_file_name(file)) < 0) {
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
    case RS_RUN_RINGS:
    case RS_RUN_HISTORY:
        RS_TRY(rewrite_rings(e, from, out, err));
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

/* What explains a run says where in its risks each node stands; it goes as a whole, and the
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
    for (int file = 0; file < RS_RUN_SIDECAR; file++) {
        bool traced = file == RS_RUN_NETWORK || file == RS_RUN_COUNTS;
        if (traced || (rsi_run_may_lack((rs_run_file)file) && before[file].digest[0] == '\0')) {
            continue;
        }
        RS_TRY(rsi_run_hold(e->store_path, &e->id, (rs_run_file)file, &before[file], err));
        e->hits = 0;
        RS_TRY(rewrite_file(e, (rs_run_file)file, &after[file], err));
        *changed = *changed || e->hits > 0;
    }
    from = rs_run_path(e->store_path, &e->id, RS_RUN_SIDECAR);
    if (from == NULL ||
        asprintf(&to, "%s/%s", e->made.path, rsi_run_file_name(RS_RUN_SIDECAR)) < 0) {
        to = NULL;
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rewrite_sidecar(e, from, to, after, err));
done:
    free(from);
    free(to);
    return status;
}

static rs_status erase_from_run(eraser *e, uint64_t *run_count, rs_error *err)
{
    rs_status status = RS_OK;
    bool changed = false;
    RS_TRY(rsi_making_new(&e->made, &e->runs, err));
    RS_TRY(rewrite_run(e, &changed, err));
    if (changed) {
        RS_TRY(rsi_run_publish(&e->made, &e->runs, &e->id, err));
        ++*run_count;
    }
done:
    rsi_making_close(&e->made);
    return rs_context(err, status, "run %s", e->id.text);
}

static rs_status erase_from_runs(eraser *e, const rs_work *work, uint64_t *run_count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t id_count = 0;
    bool failed = false; /* `err` tells of the first */
    RS_TRY(rsi_json_new(&e->json, err));
    rsi_runs_sweep(&e->runs); /* a killed one may have left a run that names the node */
    RS_TRY(rsi_run_list(e->store_path, &ids, &id_count, err));
    for (size_t i = 0; i < id_count; i++) {
        RS_TRY(rs_work_report(work, "erase", "runs", i, id_count, err));
        e->id = ids[i];
        rs_status one = erase_from_run(e, run_count, failed ? NULL : err);
        failed = failed || one == RS_ECORRUPT;
        RS_TRY(one == RS_ECORRUPT ? RS_OK : one); /* a damaged one keeps nobody in the others */
    }
    status = failed ? RS_ECORRUPT : RS_OK;
done:
    rsi_json_free(e->json);
    free(ids);
    return rs_context(err, status, "erase from runs");
}

/* ---- the record ------------------------------------------------------------------------------ */

static void put_erasure(rsi_out *out, const rs_erasure *erasure)
{
    static const char *const events[] = {"begun", "done", "absent", "failed"};
    rsi_out_string(out, "{\"event\":");
    rsi_out_json_string(out, events[erasure->event]);
    rsi_out_string(out, ",\"when\":\"");
    rsi_out_time(out, erasure->when_unix_s);
    rsi_out_string(out, "\",\"nodes\":[");
    for (size_t i = 0; i < erasure->count; i++) {
        rsi_out_string(out, i == 0 ? "{\"type\":" : ",{\"type\":");
        rsi_out_json_string(out, erasure->nodes[i].type);
        rsi_out_string(out, ",\"stub\":");
        rsi_out_json_string(out, erasure->stubs[i].text);
        rsi_out_string(out, "}");
    }
    rsi_out_string(out, "]");
    if (erasure->event == RS_ERASURE_BEGUN) {
        rsi_out_string(out, ",\"reason\":");
        rsi_out_json_string(out, erasure->reason);
    } else if (erasure->event == RS_ERASURE_DONE) {
        rsi_out_string(out, ",\"relations\":");
        rsi_out_count(out, erasure->edge_count);
        rsi_out_string(out, ",\"runs\":");
        rsi_out_count(out, erasure->run_count);
    }
    rsi_out_string(out, "}\n");
}

static char *record_path(const char *store_path)
{
    char *path = NULL;
    return asprintf(&path, "%s/erasures.jsonl", store_path) < 0 ? NULL : path;
}

/* The record so far and one line more, written whole under another name: a kill never leaves half
 * a line. The runs are locked: nobody else adds a line meanwhile. */
static rs_status add_line(const char *store_path, const rs_erasure *erasure, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer before = {0};
    rsi_out *out = NULL;
    char *path = record_path(store_path);
    if (path == NULL) {
        return no_memory(err);
    }
    status = rsi_read_file(AT_FDCWD, path, RECORD_MAX, &before, err);
    RS_TRY(status == RS_ENOTFOUND ? RS_OK : status);
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

rs_status rs_erasure_note(const char *store_path, const rs_erasure *erasure, const rs_work *work,
                          rs_error *err)
{
    rsi_runs runs;
    rs_status status = rsi_runs_enter(&runs, store_path, work, err);
    if (status == RS_OK) {
        status = add_line(store_path, erasure, err);
        rsi_runs_leave(&runs);
    }
    return status;
}

rs_status rs_erasures_mark(const char *store_path, uint64_t *mark, rs_error *err)
{
    struct stat now;
    rs_status status = RS_OK;
    char *path = record_path(store_path);
    if (path == NULL) {
        return no_memory(err);
    }
    *mark = 0;
    if (stat(path, &now) == 0) {
        *mark = (uint64_t)now.st_size; /* it only ever grows */
    } else if (errno != ENOENT && errno != ENOTDIR) {
        status = rs_fail(err, RS_EIO, "\"%s\": %s", path, strerror(errno));
    }
    free(path);
    return status;
}

/* The last line is written under the same lock: a run that waits for it sees that it was
 * overtaken. */
rs_status rs_runs_erase(const char *store_path, rs_erasure *erasure, const rs_work *work,
                        rs_error *err)
{
    rs_status status = RS_OK;
    eraser e = {.store_path = store_path,
                .nodes = erasure->nodes,
                .stubs = erasure->stubs,
                .count = erasure->count,
                .runs = RSI_NO_RUNS,
                .made = RSI_NO_MAKING};
    erasure->run_count = 0;
    RS_TRY(rsi_runs_enter(&e.runs, store_path, work, err));
    RS_TRY(erase_from_runs(&e, work, &erasure->run_count, err));
    bool anybody = erasure->found_count + erasure->run_count > 0;
    erasure->event = anybody ? RS_ERASURE_DONE : RS_ERASURE_ABSENT;
    RS_TRY(add_line(store_path, erasure, err));
done:
    rsi_runs_leave(&e.runs);
    return status;
}
