/* run_read.c - the runs that a store keeps, read back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/file.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "report/report.h"
#include "report/runs.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

char *rs_run_path(const char *store_path, const rs_run_id *id, rs_run_file file)
{
    char *path;
    int length = asprintf(&path, "%s/runs/%s/%s", store_path, id->text, rsi_run_file_name(file));
    return length < 0 ? NULL : path;
}

/* ---- the latest ------------------------------------------------------------------------------ */

static bool is_run_id(const char *text, size_t length)
{
    return length == RS_RUN_ID_LENGTH + 1 && text[RS_RUN_ID_LENGTH] == '\n' &&
           strspn(text, "0123456789abcdef") == RS_RUN_ID_LENGTH;
}

/* Without the pointer: a run that is alone is the latest (the first one was killed before it could
 * be pointed to); which one of several is cannot be told. */
static rs_status without_pointer(const char *store_path, rs_run_id *id, rs_error *err)
{
    rs_run_id *ids = NULL;
    size_t count = 0;
    rs_status status = rsi_run_list(store_path, &ids, &count, err);
    if (status == RS_OK && count == 1) {
        *id = ids[0];
    } else if (status == RS_OK && count == 0) {
        status = rs_fail(err, RS_ENOTFOUND, "store \"%s\" has no run yet", store_path);
    } else if (status == RS_OK) {
        status =
            rs_fail(err, RS_ECORRUPT, "\"%s/runs/latest\" is missing, while there are %zu runs",
                    store_path, count);
    }
    free(ids);
    return status;
}

rs_status rs_run_latest(const char *store_path, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    char *path = NULL;
    if (asprintf(&path, "%s/runs/latest", store_path) < 0) {
        return no_memory(err);
    }
    status = rsi_read_file(AT_FDCWD, path, RS_RUN_ID_LENGTH + 2, &text, err);
    if (status == RS_ENOTFOUND) {
        status = without_pointer(store_path, id, err);
        goto done;
    }
    RS_TRY(rs_context(err, status, "\"%s\"", path));
    if (!is_run_id((const char *)text.bytes, text.length)) {
        status = rs_fail(err, RS_ECORRUPT, "\"%s\": expected the %d hex digits of a run", path,
                         RS_RUN_ID_LENGTH);
        goto done;
    }
    memcpy(id->text, text.bytes, RS_RUN_ID_LENGTH);
    id->text[RS_RUN_ID_LENGTH] = '\0';
done:
    rsi_buffer_free(&text);
    free(path);
    return status;
}

/* ---- the sidecar ----------------------------------------------------------------------------- */

/* A run is whole or not there: a file of it that is missing is damage. */
static rs_status as_damage(rs_status status, rs_error *err)
{
    if (status == RS_ENOTFOUND) {
        status = RS_ECORRUPT;
        if (err != NULL) {
            err->status = status;
        }
    }
    return status;
}

static rs_status bad_sidecar(const char *path, const char *what, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "\"%s\": %s", path, what);
}

static bool is(rs_text text, const char *string)
{
    return text.length == strlen(string) && memcmp(text.bytes, string, text.length) == 0;
}

static bool take_as_of(rsi_json_token token, rs_text text, int64_t *as_of)
{
    rsi_timestamp time;
    if (token == RSI_JSON_NULL) {
        *as_of = RS_NO_TIME;
        return true;
    }
    if (token != RSI_JSON_STRING || rsi_timestamp_parse(text, RSI_UNIT_S, &time) != NULL) {
        return false;
    }
    *as_of = time.unix_s;
    return true;
}

static bool take_digest(rsi_json_token token, rs_text text, char digest[33])
{
    if (token != RSI_JSON_STRING || text.length != 32) {
        return false;
    }
    memcpy(digest, text.bytes, 32);
    digest[32] = '\0';
    return strspn(digest, "0123456789abcdef") == 32;
}

/* A name of something in a store: of 255 bytes at most. */
static bool take_name(rsi_json_token token, rs_text text, char name[256])
{
    if (token != RSI_JSON_STRING || text.length > 255) {
        return false;
    }
    memcpy(name, text.bytes, text.length);
    name[text.length] = '\0';
    return true;
}

/* {"report.json":{"bytes":n,"xxh3_128":"..."},...} */
static bool take_files(rsi_json *json, rsi_json_token token, rsi_file_note *notes)
{
    rs_text name;
    rs_text text;
    if (token != RSI_JSON_OBJECT) {
        return false;
    }
    while (rsi_json_next(json, &name) == RSI_JSON_KEY) {
        rsi_file_note note = {0};
        int64_t bytes = -1;
        if (rsi_json_next(json, &text) != RSI_JSON_OBJECT) {
            return false;
        }
        while (rsi_json_next(json, &text) == RSI_JSON_KEY) {
            bool counted = is(text, "bytes");
            token = rsi_json_next(json, &text);
            if (counted ? token != RSI_JSON_NUMBER || rsi_decimal_parse(text, 0, &bytes) != NULL
                        : !take_digest(token, text, note.digest)) {
                return false;
            }
        }
        note.bytes = (uint64_t)bytes;
        for (int i = 0; i < RSI_RUN_FILES; i++) {
            notes[i] = is(name, rsi_run_file_name((rs_run_file)i)) ? note : notes[i];
        }
    }
    return true;
}

static bool take_short(rsi_json_token token, rs_text text, char *out, size_t capacity)
{
    if (token != RSI_JSON_STRING || text.length >= capacity) {
        return false;
    }
    memcpy(out, text.bytes, text.length);
    out[text.length] = '\0';
    return true;
}

/* {"revision":n,"head":n,"hash":"...","database":"...","own":true} */
static bool take_lists(rsi_json *json, rsi_json_token token, rs_run_lists *lists)
{
    rs_text key;
    rs_text text;
    bool good = token == RSI_JSON_OBJECT;
    while (good && rsi_json_next(json, &key) == RSI_JSON_KEY) {
        token = rsi_json_next(json, &text);
        if (is(key, "hash")) {
            good = take_short(token, text, lists->hash, sizeof lists->hash);
        } else if (is(key, "database")) {
            good = take_short(token, text, lists->database, sizeof lists->database);
        } else if (is(key, "own")) {
            lists->own = token == RSI_JSON_TRUE;
        } else {
            int64_t *number = is(key, "head") ? &lists->head : &lists->revision;
            good = token == RSI_JSON_NUMBER && rsi_decimal_parse(text, 0, number) == NULL;
        }
    }
    return good;
}

/* Whether the document is a sidecar with all that is asked of it. */
static bool parse_sidecar(rsi_json *json, const rs_run_id *id, rs_run_info *info,
                          rsi_file_note *notes)
{
    bool have_digest = false;
    bool have_files = false;
    bool have_as_of = false;
    bool have_run = false;
    rs_text text;
    info->model[0] = '\0';
    info->model_subject[0] = '\0';
    info->lists = (rs_run_lists){.revision = 0};
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_OBJECT) {
        return false;
    }
    while (rsi_json_next(json, &text) == RSI_JSON_KEY) {
        bool digest = is(text, "store_digest");
        bool as_of = is(text, "as_of");
        bool files = is(text, "files");
        bool lists = is(text, "lists");
        bool run = is(text, "run");
        bool model = is(text, "model");
        bool subject = is(text, "model_subject");
        token = rsi_json_next(json, &text);
        if (digest) {
            have_digest = take_digest(token, text, info->store_digest);
        } else if (as_of) {
            have_as_of = take_as_of(token, text, &info->as_of);
        } else if ((model && !take_digest(token, text, info->model)) ||
                   (subject && !take_name(token, text, info->model_subject))) {
            return false;
        } else if (run) {
            have_run = token == RSI_JSON_STRING && is(text, id->text);
        }
        if (files) {
            have_files = take_files(json, token, notes);
        } else if (lists) {
            if (!take_lists(json, token, &info->lists)) {
                return false;
            }
        } else if (!rsi_json_skip(json, token)) {
            return false;
        }
    }
    return rsi_json_next(json, &text) == RSI_JSON_END && have_run && have_digest && have_as_of &&
           have_files;
}

/* Whether the last line holds the digest of all before it. */
static bool is_sealed(const char *bytes, size_t length)
{
    char expected[sizeof RSI_SIDECAR_DIGEST + 32 + sizeof RSI_SIDECAR_END];
    char digest[33];
    size_t seal = strlen(RSI_SIDECAR_DIGEST) + 32 + strlen(RSI_SIDECAR_END);
    if (length < seal) {
        return false;
    }
    rsi_hex128(rsi_hash_128(bytes, length - seal, 0), digest);
    snprintf(expected, sizeof expected, "%s%s%s", RSI_SIDECAR_DIGEST, digest, RSI_SIDECAR_END);
    return memcmp(bytes + length - seal, expected, seal) == 0;
}

rs_status rsi_run_read(const char *store_path, const rs_run_id *id, rs_run_info *info,
                       rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    rsi_buffer text = {0};
    char *path = rs_run_path(store_path, id, RS_RUN_SIDECAR);
    if (path == NULL) {
        return no_memory(err);
    }
    status = rsi_read_file(AT_FDCWD, path, RSI_SIDECAR_MAX, &text, err);
    RS_TRY(rs_context(err, as_damage(status, err), "\"%s\"", path));
    RS_TRY(rsi_json_new(&json, err));
    const char *bytes = (const char *)text.bytes;
    rsi_json_start(json, bytes, text.length);
    if (!parse_sidecar(json, id, info, notes)) {
        const char *problem = rsi_json_problem(json);
        problem = problem != NULL ? problem : "not the sidecar of this run";
        status = rsi_json_no_memory(json) ? no_memory(err) : bad_sidecar(path, problem, err);
    } else if (!is_sealed(bytes, text.length)) {
        status =
            bad_sidecar(path, "the digest in its last line is not that of what stands before", err);
    }
done:
    rsi_json_free(json);
    rsi_buffer_free(&text);
    free(path);
    return status;
}

rs_status rs_run_read(const char *store_path, const rs_run_id *id, rs_run_info *info, rs_error *err)
{
    rsi_file_note notes[RSI_RUN_FILES] = {{0}};
    return rsi_run_read(store_path, id, info, notes, err);
}

/* Why a file of a run cannot be opened: a run is whole or not there, so one that is missing is
 * damage. */
static rs_status not_opened(const char *path, rs_error *err)
{
    return rs_fail(err, errno == ENOENT ? RS_ECORRUPT : RS_EIO, "open \"%s\": %s", path,
                   strerror(errno));
}

/* Size and digest of a file as it is now. */
static rs_status note_file(const char *path, rsi_file_note *note, rs_error *err)
{
    static const size_t part = 256 * 1024;
    rs_status status = RS_OK;
    rsi_hash_stream *hash = rsi_hash_stream_new();
    char *bytes = malloc(part);
    FILE *file = fopen(path, "rbe");
    if (hash == NULL || bytes == NULL) {
        status = no_memory(err);
        goto done;
    }
    if (file == NULL) {
        status = not_opened(path, err);
        goto done;
    }
    for (size_t count = 1; count > 0; note->bytes += count) {
        count = fread(bytes, 1, part, file);
        rsi_hash_stream_add(hash, bytes, count);
    }
    if (ferror(file)) {
        status = rs_fail(err, RS_EIO, "\"%s\": read: %s", path, strerror(errno));
        goto done;
    }
    rsi_hex128(rsi_hash_stream_end(hash), note->digest);
done:
    if (file != NULL) {
        fclose(file);
    }
    free(bytes);
    rsi_hash_stream_free(hash);
    return status;
}

bool rsi_run_may_lack(rs_run_file file)
{
    return file == RS_RUN_NETWORK || file == RS_RUN_COUNTS || file == RS_RUN_RINGS ||
           file == RS_RUN_HISTORY;
}

rs_status rsi_run_hold(const char *store_path, const rs_run_id *id, rs_run_file file,
                       const rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_file_note now = {0};
    if (rsi_run_may_lack(file) && note->digest[0] == '\0') {
        return RS_OK; /* left out */
    }
    char *path = rs_run_path(store_path, id, file);
    if (path == NULL) {
        return no_memory(err);
    }
    RS_TRY(note_file(path, &now, err));
    if (now.bytes != note->bytes) {
        status = rs_fail(err, RS_ECORRUPT, "\"%s\": %llu bytes, where the run wrote %llu", path,
                         (unsigned long long)now.bytes, (unsigned long long)note->bytes);
    } else if (strcmp(now.digest, note->digest) != 0) {
        status = rs_fail(err, RS_ECORRUPT, "\"%s\": digest %s, where the run wrote %s", path,
                         now.digest, note->digest);
    }
done:
    free(path);
    return status;
}

rs_status rs_run_check(const char *store_path, const rs_run_id *id, rs_run_file file, rs_error *err)
{
    rs_run_info info;
    rsi_file_note notes[RSI_RUN_FILES] = {{0}};
    rs_status status = rsi_run_read(store_path, id, &info, notes, err);
    return status == RS_OK ? rsi_run_hold(store_path, id, file, &notes[file], err) : status;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static rs_status copy_bytes(int from, rsi_out *out, const char *path, rs_error *err)
{
    static const size_t part = 64 * 1024;
    rs_status status = RS_OK;
    ssize_t count;
    char *bytes = malloc(part);
    if (bytes == NULL) {
        return no_memory(err);
    }
    do {
        count = read(from, bytes, part);
        if (count < 0 && errno != EINTR) {
            status = rs_fail(err, RS_EIO, "\"%s\": read: %s", path, strerror(errno));
            goto done;
        }
        rsi_out_bytes(out, bytes, count > 0 ? (size_t)count : 0);
        RS_TRY(rsi_out_check(out, err));
    } while (count != 0);
done:
    free(bytes);
    return status;
}

rs_status rsi_run_copy_file(const char *store_path, const rs_run_id *id, rs_run_file file,
                            const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    int from = -1;
    char *source = rs_run_path(store_path, id, file);
    if (source == NULL) {
        return no_memory(err);
    }
    from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        status = not_opened(source, err);
        goto done;
    }
    RS_TRY(rsi_out_open(&out, path, err));
    if (!rsi_out_file(out, from)) {
        RS_TRY(copy_bytes(from, out, source, err));
    }
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    if (from >= 0) {
        close(from);
    }
    free(source);
    return status;
}

static bool is_stream(const char *path)
{
    struct stat now;
    return strcmp(path, "-") == 0 || (stat(path, &now) == 0 && !S_ISREG(now.st_mode));
}

/* "night.json" -> "night.run.json"; NULL where memory ends. */
static char *sidecar_beside(const char *path)
{
    size_t length = strlen(path);
    bool json = length > 5 && strcmp(path + length - 5, ".json") == 0;
    char *beside;
    int made = asprintf(&beside, "%.*s.run.json", (int)(json ? length - 5 : length), path);
    return made < 0 ? NULL : beside;
}

rs_status rs_run_copy(const char *store_path, const rs_run_id *id, rs_run_file file,
                      const char *path, rs_error *err)
{
    char *beside;
    rs_status status = rsi_run_copy_file(store_path, id, file, path, err);
    if (status != RS_OK || file != RS_RUN_REPORT || is_stream(path)) {
        return status;
    }
    beside = sidecar_beside(path);
    status = beside == NULL ? no_memory(err)
                            : rsi_run_copy_file(store_path, id, RS_RUN_SIDECAR, beside, err);
    free(beside);
    return status;
}
