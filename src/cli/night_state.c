/* night_state.c - the lock of nights, and STORE/nightly/state.json.
 *
 *   { "nightly": "ringscope/1", "night": "2026-11-22", "stage": "run", "files": ["logins.csv",
 * ...], "rows": 4711, "rejected": 0, "run": "", "feedback": { "suspected": 3, "added": 0, ... },
 * "last": { "night": "2026-11-21", "run": "<32 hex>"
 * }, "feeds": [ { "match": "logins*.csv*", "files": 1, "rows": 4711, "before": [4690, ...] } ] }
 *
 * Invariant: equal nights give equal bytes; no clock, no path of the inbox. The file is replaced
 * whole. It may come from anybody: what is not of this form is refused with what was expected.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "cli/night.h"
#include "report/runs.h"

enum { STATE_MAX = 64 << 20, FILES_MAX = 1 << 20, FEEDS_MAX = 1 << 16 };

static const char *const stage_names[] = {
    [RSI_NIGHT_TAKE] = "take", [RSI_NIGHT_INGEST] = "ingest",     [RSI_NIGHT_COMPACT] = "compact",
    [RSI_NIGHT_RUN] = "run",   [RSI_NIGHT_FEEDBACK] = "feedback", [RSI_NIGHT_WRITE] = "write",
    [RSI_NIGHT_DONE] = "done",
};

const char *rsi_night_stage_name(rsi_night_stage stage)
{
    return stage_names[stage];
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (night)");
}

void rsi_night_free(rsi_night *night)
{
    for (size_t i = 0; i < night->file_count; i++) {
        free(night->files[i]);
    }
    for (size_t i = 0; i < night->feed_count; i++) {
        free(night->feeds[i].match);
    }
    free(night->files);
    free(night->feeds);
    *night = (rsi_night){.file_count = 0};
}

/* ---- the lock -------------------------------------------------------------------------------- */

/* A folder that is no store and has something in it is somebody else's. */
static rs_status check_store(const char *store, rs_error *err)
{
    rs_status status = RS_OK;
    char *manifest = NULL;
    char *own = NULL;
    if (asprintf(&manifest, "%s/MANIFEST", store) < 0 || asprintf(&own, "%s/nightly", store) < 0) {
        return no_memory(err); /* what asprintf leaves then is not to be freed */
    }
    if (mkdir(store, 0777) != 0 && errno != EEXIST) {
        status = rs_fail(err, RS_EIO, "make folder \"%s\": %s", store, strerror(errno));
    } else if (access(manifest, F_OK) != 0 && access(own, F_OK) != 0 &&
               rsi_check_empty(store, err) != RS_OK) {
        status = rs_fail(err, RS_EUSAGE, "\"%s\" is no store, and not empty", store);
    }
    free(manifest);
    free(own);
    return status;
}

/* A lock of the process, not of the open file: the workers that a run forks must not hold it on
 * when this process is killed. */
static rs_status take_lock(rsi_night_home *home, rs_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = NULL;
    if (asprintf(&path, "%s/lock", home->path) < 0) {
        return no_memory(err);
    }
    home->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    free(path);
    if (home->lock < 0) {
        return rs_fail(err, RS_EIO, "open the lock of \"%s\": %s", home->path, strerror(errno));
    }
    if (fcntl(home->lock, F_SETLK, &whole) == 0) {
        return RS_OK;
    }
    return errno == EACCES || errno == EAGAIN
               ? rs_fail(err, RS_ELOCKED, "another night is under way (\"%s\")", home->path)
               : rs_fail(err, RS_EIO, "lock \"%s\": %s", home->path, strerror(errno));
}

rs_status rsi_night_enter(rsi_night_home *home, const char *store, rs_error *err)
{
    rs_status status = RS_OK;
    *home = (rsi_night_home)RSI_NO_NIGHT_HOME;
    RS_TRY(check_store(store, err));
    if (asprintf(&home->path, "%s/nightly", store) < 0) {
        home->path = NULL;
        return no_memory(err);
    }
    if (mkdir(home->path, 0777) != 0 && errno != EEXIST) {
        status = rs_fail(err, RS_EIO, "make folder \"%s\": %s", home->path, strerror(errno));
        goto done;
    }
    RS_TRY(take_lock(home, err));
done:
    if (status != RS_OK) {
        rsi_night_leave(home);
    }
    return status;
}

void rsi_night_leave(rsi_night_home *home)
{
    if (home->lock >= 0) {
        close(home->lock);
    }
    free(home->path);
    *home = (rsi_night_home)RSI_NO_NIGHT_HOME;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_key(rsi_out *out, const char *key)
{
    rsi_out_string(out, ",\n\"");
    rsi_out_string(out, key);
    rsi_out_string(out, "\":");
}

static void put_feed(rsi_out *out, const rsi_night_feed *feed)
{
    rsi_out_string(out, "{\"match\":");
    rsi_out_json_string(out, feed->match);
    rsi_out_string(out, ",\"files\":");
    rsi_out_count(out, feed->file_count);
    rsi_out_string(out, ",\"rows\":");
    rsi_out_count(out, feed->rows);
    rsi_out_string(out, ",\"verdict\":");
    rsi_out_json_string(out, rsi_feed_verdict_name(feed->verdict));
    rsi_out_string(out, ",\"before\":[");
    for (size_t i = 0; i < feed->before_count; i++) {
        rsi_out_string(out, i > 0 ? "," : "");
        rsi_out_count(out, feed->before[i]);
    }
    rsi_out_string(out, "]}");
}

/* The counts of what was fed back, by their names in the file. */
enum { FED_COUNTS = 5 };
static uint64_t *fed_count(rsi_night_fed *fed, size_t i, const char **name)
{
    static const char *const names[FED_COUNTS] = {"suspected", "added", "confirmed", "cleared",
                                                  "quiet"};
    uint64_t *const counts[FED_COUNTS] = {&fed->suspected_count, &fed->added_count,
                                          &fed->confirmed_count, &fed->cleared_count,
                                          &fed->quiet_count};
    *name = names[i];
    return counts[i];
}

static void put_fed(rsi_out *out, rsi_night_fed fed)
{
    const char *name;
    for (size_t i = 0; i < FED_COUNTS; i++) {
        uint64_t count = *fed_count(&fed, i, &name);
        rsi_out_string(out, i > 0 ? ",\"" : "{\"");
        rsi_out_string(out, name);
        rsi_out_string(out, "\":");
        rsi_out_count(out, count);
    }
    rsi_out_string(out, "}");
}

static void put_night(rsi_out *out, const rsi_night *night)
{
    rsi_out_string(out, "{\"nightly\":\"ringscope/1\"");
    put_key(out, "night");
    rsi_out_json_string(out, night->date);
    put_key(out, "stage");
    rsi_out_json_string(out, stage_names[night->stage]);
    put_key(out, "files");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < night->file_count; i++) {
        rsi_out_string(out, i > 0 ? ",\n" : "");
        rsi_out_json_string(out, night->files[i]);
    }
    rsi_out_string(out, "]");
    put_key(out, "rows");
    rsi_out_count(out, night->row_count);
    put_key(out, "rejected");
    rsi_out_count(out, night->rejected_count);
    put_key(out, "run");
    rsi_out_json_string(out, night->run.text);
    if (night->fed.done) {
        put_key(out, "feedback");
        put_fed(out, night->fed);
    }
    put_key(out, "last");
    rsi_out_string(out, "{\"night\":");
    rsi_out_json_string(out, night->last_date);
    rsi_out_string(out, ",\"run\":");
    rsi_out_json_string(out, night->last_run.text);
    rsi_out_string(out, "}");
    put_key(out, "feeds");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < night->feed_count; i++) {
        rsi_out_string(out, i > 0 ? ",\n" : "\n");
        put_feed(out, &night->feeds[i]);
    }
    rsi_out_string(out, "]}\n");
}

rs_status rsi_night_write(const rsi_night *night, const rsi_night_home *home, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    char *path = NULL;
    if (asprintf(&path, "%s/state.json", home->path) < 0) {
        return no_memory(err);
    }
    RS_TRY(rsi_out_open(&out, path, err));
    put_night(out, night);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    free(path);
    return rs_context(err, status, "state of the night");
}

/* ---- reading --------------------------------------------------------------------------------- */

static rs_status expected(const char *what, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "%s was expected", what);
}

static bool is_word(const cJSON *item, size_t room)
{
    return cJSON_IsString(item) && strlen(item->valuestring) < room;
}

/* A text of at most `room` - 1 bytes. */
static rs_status take_text(const cJSON *in, const char *key, char *to, size_t room, rs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, key);
    if (!is_word(item, room)) {
        return rs_fail(err, RS_ECORRUPT, "\"%s\": a text of at most %zu bytes was expected", key,
                       room - 1);
    }
    memcpy(to, item->valuestring, strlen(item->valuestring) + 1);
    return RS_OK;
}

static bool is_count(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15;
}

static rs_status take_count(const cJSON *in, const char *key, uint64_t *to, rs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, key);
    if (!is_count(item)) {
        return rs_fail(err, RS_ECORRUPT, "\"%s\": a count was expected", key);
    }
    *to = (uint64_t)item->valuedouble;
    return RS_OK;
}

/* The place of the text under `key` among `names`. */
static rs_status take_name(const cJSON *in, const char *key, const char *(*name)(size_t),
                           size_t count, size_t *to, rs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, key);
    for (*to = 0; cJSON_IsString(item) && *to < count; ++*to) {
        if (strcmp(item->valuestring, name(*to)) == 0) {
            return RS_OK;
        }
    }
    return rs_fail(err, RS_ECORRUPT, "\"%s\": \"%s\" or the like was expected", key, name(0));
}

static const char *stage_at(size_t i)
{
    return stage_names[i];
}

static const char *verdict_at(size_t i)
{
    return rsi_feed_verdict_name((rsi_feed_verdict)i);
}

/* A file of the inbox: a name, and no way out of the folder. */
static bool is_file_name(const cJSON *item)
{
    return is_word(item, 256) && item->valuestring[0] != '\0' && item->valuestring[0] != '.' &&
           strchr(item->valuestring, '/') == NULL;
}

static rs_status take_files(const cJSON *root, rsi_night *night, rs_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "files");
    const cJSON *item;
    int count = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || count > FILES_MAX) {
        return expected("\"files\": a list", err);
    }
    night->files = calloc((size_t)count + 1, sizeof *night->files);
    if (night->files == NULL) {
        return no_memory(err);
    }
    cJSON_ArrayForEach(item, list)
    {
        if (!is_file_name(item)) {
            return expected("\"files\": the name of a file", err);
        }
        night->files[night->file_count] = strdup(item->valuestring);
        if (night->files[night->file_count++] == NULL) {
            return no_memory(err);
        }
    }
    return RS_OK;
}

static rs_status take_feed(const cJSON *item, rsi_night_feed *feed, rs_error *err)
{
    rs_status status = RS_OK;
    size_t verdict = 0;
    const cJSON *match = cJSON_GetObjectItemCaseSensitive(item, "match");
    const cJSON *before = cJSON_GetObjectItemCaseSensitive(item, "before");
    const cJSON *rows;
    if (!cJSON_IsString(match) || !cJSON_IsArray(before)) {
        return expected("a feed with \"match\" and \"before\"", err);
    }
    RS_TRY(take_count(item, "files", &feed->file_count, err));
    RS_TRY(take_count(item, "rows", &feed->rows, err));
    RS_TRY(take_name(item, "verdict", verdict_at, RSI_FEED_SMALL + 1, &verdict, err));
    feed->verdict = (rsi_feed_verdict)verdict;
    cJSON_ArrayForEach(rows, before)
    {
        if (!is_count(rows) || feed->before_count == RSI_FEED_NIGHTS_MAX) {
            return expected("\"before\": a list of counts", err);
        }
        feed->before[feed->before_count++] = (uint64_t)rows->valuedouble;
    }
    feed->match = strdup(match->valuestring);
    status = feed->match == NULL ? no_memory(err) : RS_OK;
done:
    return status;
}

static rs_status take_feeds(const cJSON *root, rsi_night *night, rs_error *err)
{
    rs_status status = RS_OK;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "feeds");
    const cJSON *item;
    int count = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || count > FEEDS_MAX) {
        return expected("\"feeds\": a list", err);
    }
    night->feeds = calloc((size_t)count + 1, sizeof *night->feeds);
    if (night->feeds == NULL) {
        return no_memory(err);
    }
    cJSON_ArrayForEach(item, list)
    {
        RS_TRY(take_feed(item, &night->feeds[night->feed_count++], err));
    }
done:
    return status;
}

static rs_status take_fed(const cJSON *root, rsi_night_fed *fed, rs_error *err)
{
    rs_status status = RS_OK;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "feedback");
    const char *name;
    for (size_t i = 0; item != NULL && i < FED_COUNTS; i++) {
        uint64_t *count = fed_count(fed, i, &name);
        RS_TRY(take_count(item, name, count, err));
    }
    fed->done = item != NULL;
done:
    return rs_context(err, status, "\"feedback\"");
}

static rs_status take_night(const cJSON *root, rsi_night *night, rs_error *err)
{
    rs_status status = RS_OK;
    char form[32];
    size_t stage = 0;
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(root, "last");
    RS_TRY(take_text(root, "nightly", form, sizeof form, err));
    if (strcmp(form, "ringscope/1") != 0) {
        return rs_fail(err, RS_ECORRUPT, "\"nightly\": \"ringscope/1\" was expected, found \"%s\"",
                       form);
    }
    RS_TRY(take_text(root, "night", night->date, sizeof night->date, err));
    RS_TRY(take_name(root, "stage", stage_at, RSI_NIGHT_DONE + 1, &stage, err));
    night->stage = (rsi_night_stage)stage;
    RS_TRY(take_files(root, night, err));
    RS_TRY(take_count(root, "rows", &night->row_count, err));
    RS_TRY(take_count(root, "rejected", &night->rejected_count, err));
    RS_TRY(take_text(root, "run", night->run.text, sizeof night->run.text, err));
    RS_TRY(take_fed(root, &night->fed, err));
    RS_TRY(take_text(last, "night", night->last_date, sizeof night->last_date, err));
    RS_TRY(take_text(last, "run", night->last_run.text, sizeof night->last_run.text, err));
    RS_TRY(take_feeds(root, night, err));
done:
    return status;
}

rs_status rsi_night_read(rsi_night *night, const char *store, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    cJSON *root = NULL;
    char *path = NULL;
    *night = (rsi_night){.stage = RSI_NIGHT_DONE};
    if (asprintf(&path, "%s/nightly/state.json", store) < 0) {
        return no_memory(err);
    }
    status = rsi_read_file(AT_FDCWD, path, STATE_MAX, &text, err);
    if (status == RS_ENOTFOUND) {
        status = RS_OK; /* the first night */
        goto done;
    }
    RS_TRY(status);
    root = cJSON_ParseWithLength((const char *)text.bytes, text.length);
    RS_TRY(root == NULL ? expected("JSON", err) : take_night(root, night, err));
done:
    status = rs_context(err, status, "\"%s\"", path);
    cJSON_Delete(root);
    rsi_buffer_free(&text);
    free(path);
    if (status != RS_OK) {
        rsi_night_free(night);
    }
    return status;
}
