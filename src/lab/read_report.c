/* read_report.c - a report's clusters into a case, one cluster in memory at a time.
 *
 * The file is cut as it comes: each element of the top-level array "clusters" is read by the strict
 * JSON reader and forgotten; what is around them, with a 0 for each element (the skeleton), is read
 * at the end. So both together are read as strictly as the whole would be, in memory for one
 * cluster and two bytes for each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/stream.h"
#include "base/try.h"
#include "lab/case.h"

#define ELEMENT_BYTES_MAX  ((size_t)1 << 30)
#define SKELETON_BYTES_MAX ((size_t)1 << 28)
#define NAME               "clusters"

struct place {
    uint64_t line;
    uint64_t column;
};

struct text_buffer {
    char *bytes;
    size_t count, capacity;
};

struct reader {
    rsi_case *c;
    const char *path;
    rsi_json *json;
    struct place now;
    struct place element_at; /* where the element starts */
    struct text_buffer element;
    struct text_buffer skeleton;
    struct place *skeleton_at; /* of each byte of it */
    size_t skeleton_at_capacity;
    uint32_t depth;
    uint32_t clusters_depth; /* 2 within the array, else 0 */
    bool in_string, escaped, in_element;
    char last[sizeof NAME]; /* the last string at depth 1, as far as it fits */
    size_t last_length;
};

static rs_status append(struct text_buffer *buffer, char byte, size_t most, rs_error *err)
{
    if (buffer->count == most) {
        return rs_fail(err, RS_EINPUT, "over %zu bytes in one piece", most);
    }
    void *bytes = buffer->bytes;
    rs_status status = rsi_grow(&bytes, &buffer->capacity, buffer->count, 1, err);
    buffer->bytes = bytes;
    if (status == RS_OK) {
        buffer->bytes[buffer->count++] = byte;
    }
    return status;
}

/* ---- one cluster -------------------------------------------------------------------------- */

/* Where in the file the reader of an element stands. */
static rs_status bad_element(const struct reader *r, const char *problem, rs_error *err)
{
    struct place at = r->element_at;
    size_t offset = rsi_json_offset(r->json);
    for (size_t i = 0; i < offset && i < r->element.count; i++) {
        at.column++;
        if (r->element.bytes[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    if (rsi_json_no_memory(r->json)) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a cluster)");
    }
    return rs_fail(err, RS_EINPUT, "\"%s\":%" PRIu64 ":%" PRIu64 ": %s", r->path, at.line,
                   at.column, problem);
}

/* The next token, which must be `want`. */
static rs_status expect(struct reader *r, rsi_json_token token, rsi_json_token want,
                        const char *what, rs_error *err)
{
    if (token == RSI_JSON_BAD) {
        return bad_element(r, rsi_json_problem(r->json), err);
    }
    return token == want ? RS_OK : bad_element(r, what, err);
}

struct member {
    rs_text type, id;
    double risk;
    bool known, has_type, has_id;
};

static bool is_key(rs_text text, const char *key)
{
    return text.length == strlen(key) && memcmp(text.bytes, key, text.length) == 0;
}

static rs_status read_member_value(struct reader *r, rs_text key, struct member *m, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text = {0};
    rsi_json_token token = rsi_json_next(r->json, &text);
    if (is_key(key, "type")) {
        RS_TRY(expect(r, token, RSI_JSON_STRING, "a member's \"type\" must be a string", err));
        m->type = text;
        m->has_type = true;
    } else if (is_key(key, "id")) {
        RS_TRY(expect(r, token, RSI_JSON_STRING, "a member's \"id\" must be a string", err));
        m->id = text;
        m->has_id = true;
    } else if (is_key(key, "risk")) {
        RS_TRY(expect(r, token, RSI_JSON_NUMBER, "a member's \"risk\" must be a number", err));
        if (!rsi_read_share(text, &m->risk)) {
            return bad_element(r, "a member's \"risk\" must be from 0 to 1", err);
        }
    } else if (is_key(key, "known") && token != RSI_JSON_FALSE) {
        RS_TRY(expect(r, token, RSI_JSON_TRUE, "a member's \"known\" must be true or false", err));
        m->known = true;
    } else if (!rsi_json_skip(r->json, token)) {
        return bad_element(r, rsi_json_problem(r->json), err);
    }
done:
    return status;
}

static rs_status add_member(struct reader *r, const struct member *m, rsi_cluster *cluster,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_case *c = r->c;
    uint32_t number = 0;
    RS_TRY(rsi_case_account(c, m->id, &number, err));
    rsi_account *account = &c->accounts[number];
    if (account->last_cluster == c->cluster_count + 1) {
        c->repeated_member_count++;
        return RS_OK;
    }
    account->last_cluster = c->cluster_count + 1;
    account->reported = true;
    account->known = account->known || m->known;
    account->alarmed = account->alarmed || cluster->score >= c->options->suspect;
    if (!account->ranked && m->risk > account->risk) {
        account->risk = m->risk;
    }
    void *members = c->members;
    status = rsi_grow(&members, &c->member_capacity, c->member_count, sizeof *c->members, err);
    c->members = members;
    if (status == RS_OK) {
        c->members[c->member_count++] = number;
        cluster->size++;
    }
done:
    return status;
}

static rs_status read_member(struct reader *r, rsi_json_token token, rsi_cluster *cluster,
                             rs_error *err)
{
    rs_status status = RS_OK;
    struct member m = {0};
    rs_text key = {0};
    RS_TRY(expect(r, token, RSI_JSON_OBJECT, "a member must be an object", err));
    while ((token = rsi_json_next(r->json, &key)) == RSI_JSON_KEY) {
        RS_TRY(read_member_value(r, key, &m, err));
    }
    RS_TRY(expect(r, token, RSI_JSON_OBJECT_END, "a member's object must end", err));
    if (!m.has_type || !m.has_id) {
        return bad_element(r, "a member needs a \"type\" and an \"id\"", err);
    }
    if (is_key(m.type, r->c->options->subject)) {
        RS_TRY(add_member(r, &m, cluster, err));
    }
done:
    return status;
}

struct found {
    bool id, score, members;
};

static rs_status read_members(struct reader *r, rsi_json_token token, rsi_cluster *cluster,
                              rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    RS_TRY(expect(r, token, RSI_JSON_ARRAY, "\"members\" must be an array", err));
    while ((token = rsi_json_next(r->json, &text)) != RSI_JSON_ARRAY_END) {
        RS_TRY(read_member(r, token, cluster, err));
    }
done:
    return status;
}

static rs_status read_cluster_value(struct reader *r, rs_text key, rsi_cluster *cluster,
                                    struct found *found, bool members, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text = {0};
    bool is_new = true;
    uint32_t number = 0;
    rsi_json_token token = rsi_json_next(r->json, &text);
    if (!members && is_key(key, "id")) {
        RS_TRY(expect(r, token, RSI_JSON_STRING, "a cluster's \"id\" must be a string", err));
        RS_TRY(rsi_ids_add(&r->c->cluster_ids, text, &number, &is_new, err));
        if (!is_new) {
            return bad_element(r, "this cluster's \"id\" stands before another one too", err);
        }
        found->id = true;
    } else if (!members && is_key(key, "score")) {
        RS_TRY(expect(r, token, RSI_JSON_NUMBER, "a cluster's \"score\" must be a number", err));
        if (!rsi_read_share(text, &cluster->score)) {
            return bad_element(r, "a cluster's \"score\" must be from 0 to 1", err);
        }
        found->score = true;
    } else if (members && is_key(key, "members")) {
        RS_TRY(read_members(r, token, cluster, err));
        found->members = true;
    } else if (!rsi_json_skip(r->json, token)) {
        return bad_element(r, rsi_json_problem(r->json), err);
    }
done:
    return status;
}

/* One pass over the element: id and score first, for the members need the score; then the members.
 */
static rs_status read_pass(struct reader *r, rsi_cluster *cluster, struct found *found,
                           bool members, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text key = {0};
    rsi_json_token token;
    rsi_json_start(r->json, r->element.bytes, r->element.count);
    RS_TRY(expect(r, rsi_json_next(r->json, &key), RSI_JSON_OBJECT, "a cluster must be an object",
                  err));
    while ((token = rsi_json_next(r->json, &key)) == RSI_JSON_KEY) {
        RS_TRY(read_cluster_value(r, key, cluster, found, members, err));
    }
    RS_TRY(expect(r, token, RSI_JSON_OBJECT_END, "a cluster's object must end", err));
    RS_TRY(expect(r, rsi_json_next(r->json, &key), RSI_JSON_END, "text behind a cluster", err));
done:
    return status;
}

static rs_status read_cluster(struct reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_case *c = r->c;
    rsi_cluster cluster = {.first = c->member_count, .number = c->cluster_count};
    struct found found = {0};
    RS_TRY(read_pass(r, &cluster, &found, false, err));
    RS_TRY(read_pass(r, &cluster, &found, true, err));
    if (!found.id || !found.score || !found.members) {
        return bad_element(r, "a cluster needs \"id\", \"score\" and \"members\"", err);
    }
    if (c->cluster_count == UINT32_MAX - 2) {
        return rs_fail(err, RS_EINPUT, "\"%s\": too many clusters", r->path);
    }
    void *clusters = c->clusters;
    status = rsi_grow(&clusters, &c->cluster_capacity, c->cluster_count, sizeof cluster, err);
    c->clusters = clusters;
    if (status == RS_OK) {
        c->clusters[c->cluster_count++] = cluster;
    }
done:
    return status;
}

/* ---- cutting the file --------------------------------------------------------------------- */

/* One byte of the skeleton; white space between tokens is kept as one blank. */
static rs_status keep(struct reader *r, char byte, rs_error *err)
{
    rs_status status = RS_OK;
    bool blank = !r->in_string && (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r');
    if (blank && r->skeleton.count > 0 && r->skeleton.bytes[r->skeleton.count - 1] == ' ') {
        return RS_OK;
    }
    void *places = r->skeleton_at;
    status =
        rsi_grow(&places, &r->skeleton_at_capacity, r->skeleton.count, sizeof *r->skeleton_at, err);
    r->skeleton_at = places;
    if (status == RS_OK) {
        r->skeleton_at[r->skeleton.count] = r->now;
        status = append(&r->skeleton, blank ? ' ' : byte, SKELETON_BYTES_MAX, err);
    }
    return status;
}

static rs_status put(struct reader *r, char byte, rs_error *err)
{
    return r->in_element ? append(&r->element, byte, ELEMENT_BYTES_MAX, err) : keep(r, byte, err);
}

static void note_string(struct reader *r, char byte)
{
    if (r->depth == 1 && r->last_length < sizeof r->last) {
        r->last[r->last_length++] = byte;
    }
}

static rs_status take_string_byte(struct reader *r, char byte, rs_error *err)
{
    rs_status status = put(r, byte, err);
    if (r->escaped) {
        r->escaped = false;
    } else if (byte == '\\') {
        r->escaped = true;
    } else if (byte == '"') {
        r->in_string = false;
        return status;
    }
    note_string(r, byte);
    return status;
}

static rs_status open_string(struct reader *r, char byte, rs_error *err)
{
    rs_status status = put(r, byte, err);
    r->in_string = true;
    if (r->depth == 1) {
        r->last_length = 0;
    }
    return status;
}

static rs_status open_bracket(struct reader *r, char byte, rs_error *err)
{
    if (r->clusters_depth != 0 && r->depth == r->clusters_depth && byte == '{' && !r->in_element) {
        r->in_element = true;
        r->element.count = 0;
        r->element_at = r->now;
    }
    if (r->depth == 1 && byte == '[' && r->last_length == strlen(NAME) &&
        memcmp(r->last, NAME, strlen(NAME)) == 0) {
        r->clusters_depth = 2;
    }
    r->depth++;
    return put(r, byte, err);
}

static rs_status close_bracket(struct reader *r, char byte, rs_error *err)
{
    rs_status status = RS_OK;
    if (r->depth > 0) {
        r->depth--;
    }
    RS_TRY(put(r, byte, err));
    if (r->in_element && r->depth == r->clusters_depth) {
        RS_TRY(read_cluster(r, err));
        r->in_element = false;
        RS_TRY(keep(r, '0', err));
    } else if (!r->in_element && r->depth < r->clusters_depth) {
        r->clusters_depth = 0;
        r->last_length = 0;
    }
done:
    return status;
}

static rs_status take_byte(struct reader *r, char byte, rs_error *err)
{
    if (r->in_string) {
        return take_string_byte(r, byte, err);
    }
    switch (byte) {
    case '"':
        return open_string(r, byte, err);
    case '{':
    case '[':
        return open_bracket(r, byte, err);
    case '}':
    case ']':
        return close_bracket(r, byte, err);
    default:
        return put(r, byte, err);
    }
}

/* ---- the skeleton ------------------------------------------------------------------------- */

static rs_status bad_skeleton(const struct reader *r, const char *problem, rs_error *err)
{
    size_t offset = rsi_json_offset(r->json);
    struct place at = offset < r->skeleton.count ? r->skeleton_at[offset] : r->now;
    if (rsi_json_no_memory(r->json)) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a report)");
    }
    return rs_fail(err, RS_EINPUT, "\"%s\":%" PRIu64 ":%" PRIu64 ": %s", r->path, at.line,
                   at.column, problem);
}

/* As many zeros as clusters were read: else something in the array was no object. */
static rs_status check_array(struct reader *r, rsi_json_token token, rs_error *err)
{
    if (token != RSI_JSON_ARRAY) {
        return token == RSI_JSON_BAD ? bad_skeleton(r, rsi_json_problem(r->json), err)
                                     : bad_skeleton(r, "\"clusters\" must be an array", err);
    }
    rs_text text;
    uint32_t count = 0;
    while ((token = rsi_json_next(r->json, &text)) == RSI_JSON_NUMBER) {
        count++;
    }
    if (token == RSI_JSON_BAD) {
        return bad_skeleton(r, rsi_json_problem(r->json), err);
    }
    return token == RSI_JSON_ARRAY_END && count == r->c->cluster_count
               ? RS_OK
               : bad_skeleton(r, "a cluster must be an object", err);
}

static rs_status read_skeleton(struct reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text key;
    bool found = false;
    rsi_json_token token;
    rsi_json_start(r->json, r->skeleton.bytes, r->skeleton.count);
    token = rsi_json_next(r->json, &key);
    if (token != RSI_JSON_OBJECT) {
        return bad_skeleton(
            r, token == RSI_JSON_BAD ? rsi_json_problem(r->json) : "a report must be an object",
            err);
    }
    while ((token = rsi_json_next(r->json, &key)) == RSI_JSON_KEY) {
        bool clusters = is_key(key, NAME);
        token = rsi_json_next(r->json, &key);
        if (clusters) {
            RS_TRY(check_array(r, token, err));
            found = true;
        } else if (!rsi_json_skip(r->json, token)) {
            return bad_skeleton(r, rsi_json_problem(r->json), err);
        }
    }
    if (token == RSI_JSON_BAD || rsi_json_next(r->json, &key) != RSI_JSON_END) {
        return bad_skeleton(r, rsi_json_problem(r->json), err);
    }
    if (!found) {
        return rs_fail(err, RS_EINPUT, "\"%s\": no \"clusters\" in the report", r->path);
    }
done:
    return status;
}

static rs_status read_stream(struct reader *r, rsi_stream *stream, const rs_work *work,
                             rs_error *err)
{
    rs_status status = RS_OK;
    static const size_t capacity = 1 << 16;
    char *bytes = malloc(capacity);
    size_t got = 0;
    if (bytes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a report)");
    }
    do {
        RS_TRY(rsi_stream_read(stream, bytes, capacity, &got, err));
        for (size_t i = 0; i < got; i++) {
            RS_TRY(take_byte(r, bytes[i], err));
            r->now.column++;
            if (bytes[i] == '\n') {
                r->now = (struct place){r->now.line + 1, 1};
            }
        }
        RS_TRY(rs_work_report(work, "evaluate", "bytes", rsi_stream_consumed(stream),
                              rsi_stream_size(stream), err));
    } while (got > 0);
    if (r->in_element) {
        status =
            rs_fail(err, RS_EINPUT, "\"%s\":%" PRIu64 ":%" PRIu64 ": this cluster does not end",
                    r->path, r->element_at.line, r->element_at.column);
    }
done:
    free(bytes);
    return status;
}

/* Highest score first; what has equal scores stays in the report's order. */
static int by_score(const void *a, const void *b)
{
    const rsi_cluster *x = a, *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return x->number < y->number ? -1 : 1;
}

rs_status rsi_read_report_stream(rsi_case *c, const char *name, rsi_stream *stream,
                                 const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    struct reader r = {.c = c, .path = name, .now = {1, 1}};
    RS_TRY(rsi_json_new(&r.json, err));
    RS_TRY(read_stream(&r, stream, work, err));
    RS_TRY(read_skeleton(&r, err));
    if (c->cluster_count > 0) {
        qsort(c->clusters, c->cluster_count, sizeof *c->clusters, by_score);
    }
done:
    rsi_json_free(r.json);
    free(r.element.bytes);
    free(r.skeleton.bytes);
    free(r.skeleton_at);
    return status;
}

rs_status rsi_read_report(rsi_case *c, const char *path, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    RS_TRY(rsi_stream_open(&stream, path, err));
    RS_TRY(rsi_read_report_stream(c, path, stream, work, err));
done:
    rsi_stream_close(stream);
    return status;
}
