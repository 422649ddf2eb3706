/* read.c - a report, one ring at a time.
 *
 * A report has a ring a line (report.c), so that a ring is found by comparing the beginnings of
 * lines, and only its own line is parsed: strictly (base/json.h), then field by field into plain
 * arrays. Keys that this version does not know are passed over; a key that it needs and that is not
 * there is damage.
 *
 * Memory: the longest line and the arrays of one ring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json.h"
#include "base/ringid.h"
#include "base/try.h"
#include "ringscope/report.h"

enum { FIRST_CAPACITY = 256 * 1024, LINE_MAX_BYTES = 1 << 30 };

/* An array that grows and keeps its memory from ring to ring. */
typedef struct vector {
    void *items;
    size_t count;
    size_t capacity;
} vector;

struct rs_report {
    FILE *file;
    char *path;
    char *buffer; /* what was read ahead: bytes at .. end - 1 */
    size_t capacity;
    size_t at;
    size_t end;
    uint64_t line_number;
    bool comma; /* another ring has to follow, or may where none was read yet */
    bool fresh; /* none was read yet */
    bool done;  /* the end of the array was read */
    rsi_json *json;
    size_t json_at; /* where in the line the parsed text starts */
    rs_cluster cluster;
    vector members;
    vector things;
    vector reasons;
    vector facts;
    vector users;
};

/* ---- failures -----------------------------------------------------------------------------------
 */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

static rs_status damaged(const rs_report *report, const char *what, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "report \"%s\": line %llu: %s", report->path,
                   (unsigned long long)report->line_number, what);
}

static rs_status damaged_at(const rs_report *report, const char *key, const char *expected,
                            rs_error *err)
{
    if (rsi_json_no_memory(report->json)) {
        return no_memory(err);
    }
    const char *problem = rsi_json_problem(report->json);
    if (problem != NULL) {
        return rs_fail(err, RS_ECORRUPT, "report \"%s\": line %llu, column %zu: %s", report->path,
                       (unsigned long long)report->line_number,
                       report->json_at + rsi_json_offset(report->json) + 1, problem);
    }
    return rs_fail(err, RS_ECORRUPT, "report \"%s\": line %llu, column %zu: \"%s\": expected %s",
                   report->path, (unsigned long long)report->line_number,
                   report->json_at + rsi_json_offset(report->json) + 1, key, expected);
}

/* Room for one item more, which is zero; NULL where memory ends. */
static void *add(vector *array, size_t size)
{
    if (array->count == array->capacity) {
        size_t capacity = array->capacity > 0 ? 2 * array->capacity : 16;
        void *items = realloc(array->items, capacity * size);
        if (items == NULL) {
            return NULL;
        }
        array->items = items;
        array->capacity = capacity;
    }
    void *item = (char *)array->items + array->count++ * size;
    return memset(item, 0, size);
}

/* ---- objects by tables of fields ---------------------------------------------------------------
 */

/* Reads one value into `to`. */
typedef rs_status value_reader(rs_report *report, const char *key, void *to, rs_error *err);

typedef struct field {
    const char *key;
    value_reader *read;
    size_t offset; /* in the object's struct */
    bool optional;
} field;

static rs_status next(rs_report *report, const char *key, rsi_json_token *token, rs_text *text,
                      rs_error *err)
{
    *token = rsi_json_next(report->json, text);
    return *token == RSI_JSON_BAD ? damaged_at(report, key, "a value", err) : RS_OK;
}

static rs_status expect(rs_report *report, const char *key, rsi_json_token wanted, rs_text *text,
                        rs_error *err)
{
    rsi_json_token token;
    rs_status status = next(report, key, &token, text, err);
    if (status == RS_OK && token != wanted) {
        status = damaged_at(report, key, rsi_json_token_name(wanted), err);
    }
    return status;
}

static rs_status skip(rs_report *report, const char *key, rs_error *err)
{
    rsi_json_token token;
    rs_text ignored;
    rs_status status = next(report, key, &token, &ignored, err);
    if (status == RS_OK && !rsi_json_skip(report->json, token)) {
        status = damaged_at(report, key, "a value", err);
    }
    return status;
}

static const field *field_of(const field *fields, rs_text key)
{
    while (fields->key != NULL &&
           (key.length != strlen(fields->key) || memcmp(key.bytes, fields->key, key.length) != 0)) {
        fields++;
    }
    return fields->key != NULL ? fields : NULL;
}

/* The object whose opening token was just read, into `to`. `fields` ends with a row without key. */
static rs_status read_fields(rs_report *report, const field *fields, void *to, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t seen = 0;
    rs_text key;
    rsi_json_token token;
    RS_TRY(next(report, "", &token, &key, err));
    for (; token == RSI_JSON_KEY; status = next(report, "", &token, &key, err)) {
        const field *known = field_of(fields, key);
        if (known == NULL) {
            RS_TRY(skip(report, "", err));
        } else {
            seen |= UINT32_C(1) << (known - fields);
            RS_TRY(known->read(report, known->key, (char *)to + known->offset, err));
        }
    }
    for (size_t i = 0; status == RS_OK && fields[i].key != NULL; i++) {
        if (!fields[i].optional && (seen & UINT32_C(1) << i) == 0) {
            status = damaged_at(report, fields[i].key, "a value, found none", err);
        }
    }
done:
    return status;
}

/* An array of objects, each read by `read` once its opening token was. */
static rs_status read_objects(rs_report *report, const char *key,
                              rs_status (*read)(rs_report *report, rs_error *err), rs_error *err)
{
    rs_status status = RS_OK;
    rs_text ignored;
    rsi_json_token token;
    RS_TRY(expect(report, key, RSI_JSON_ARRAY, &ignored, err));
    RS_TRY(next(report, key, &token, &ignored, err));
    for (; token == RSI_JSON_OBJECT; status = next(report, key, &token, &ignored, err)) {
        RS_TRY(read(report, err));
    }
    if (status == RS_OK && token != RSI_JSON_ARRAY_END) {
        status = damaged_at(report, key, "an object", err);
    }
done:
    return status;
}

/* ---- values
 * -------------------------------------------------------------------------------------- */

static rs_status read_text(rs_report *report, const char *key, void *to, rs_error *err)
{
    return expect(report, key, RSI_JSON_STRING, to, err);
}

static rs_status read_text_or_null(rs_report *report, const char *key, void *to, rs_error *err)
{
    rsi_json_token token;
    rs_status status = next(report, key, &token, to, err);
    if (status == RS_OK && token == RSI_JSON_NULL) {
        *(rs_text *)to = (rs_text){"", 0};
    } else if (status == RS_OK && token != RSI_JSON_STRING) {
        status = damaged_at(report, key, "a string or null", err);
    }
    return status;
}

static rs_status read_number(rs_report *report, const char *key, unsigned decimals, int64_t most,
                             int64_t *number, rs_error *err)
{
    rs_text text;
    rs_status status = expect(report, key, RSI_JSON_NUMBER, &text, err);
    if (status == RS_OK &&
        (rsi_decimal_parse(text, decimals, number) != NULL || *number < 0 || *number > most)) {
        status = damaged_at(report, key, decimals > 0 ? "a number from 0 to 1" : "a count", err);
    }
    return status;
}

static rs_status read_millionths(rs_report *report, const char *key, void *to, rs_error *err)
{
    int64_t number = 0;
    rs_status status = read_number(report, key, 6, RS_MILLION, &number, err);
    *(uint32_t *)to = status == RS_OK ? (uint32_t)number : 0;
    return status;
}

static rs_status read_u32(rs_report *report, const char *key, void *to, rs_error *err)
{
    int64_t number = 0;
    rs_status status = read_number(report, key, 0, UINT32_MAX, &number, err);
    *(uint32_t *)to = status == RS_OK ? (uint32_t)number : 0;
    return status;
}

static rs_status read_u64(rs_report *report, const char *key, void *to, rs_error *err)
{
    int64_t number = 0;
    rs_status status = read_number(report, key, 0, INT64_MAX, &number, err);
    *(uint64_t *)to = status == RS_OK ? (uint64_t)number : 0;
    return status;
}

static rs_status read_flag(rs_report *report, const char *key, void *to, rs_error *err)
{
    rsi_json_token token;
    rs_text ignored;
    rs_status status = next(report, key, &token, &ignored, err);
    *(bool *)to = token == RSI_JSON_TRUE;
    if (status == RS_OK && token != RSI_JSON_TRUE && token != RSI_JSON_FALSE) {
        status = damaged_at(report, key, "true or false", err);
    }
    return status;
}

static rs_status read_role(rs_report *report, const char *key, void *to, rs_error *err)
{
    static const struct {
        const char *name;
        rs_role role;
    } roles[] = {{"core", RS_ROLE_CORE}, {"member", RS_ROLE_MEMBER}, {"bridge", RS_ROLE_BRIDGE}};
    rs_text text;
    rs_status status = expect(report, key, RSI_JSON_STRING, &text, err);
    for (size_t i = 0; status == RS_OK && i < sizeof roles / sizeof *roles; i++) {
        if (text.length == strlen(roles[i].name) &&
            memcmp(text.bytes, roles[i].name, text.length) == 0) {
            *(rs_role *)to = roles[i].role;
            return RS_OK;
        }
    }
    return status != RS_OK ? status : damaged_at(report, key, "core, member or bridge", err);
}

static const field named_fields[] = {
    {"type", read_text, offsetof(rs_named, type), false},
    {"id", read_text, offsetof(rs_named, id), false},
    {NULL, NULL, 0, false},
};

static rs_status read_named_or_null(rs_report *report, const char *key, void *to, rs_error *err)
{
    rsi_json_token token;
    rs_text ignored;
    rs_status status = next(report, key, &token, &ignored, err);
    if (status == RS_OK && token == RSI_JSON_OBJECT) {
        status = read_fields(report, named_fields, to, err);
    } else if (status == RS_OK && token != RSI_JSON_NULL) {
        status = damaged_at(report, key, "an object or null", err);
    }
    return status;
}

/* ---- the parts of a ring
 * ---------------------------------------------------------------------------- */

static rs_status read_member(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"type", read_text, offsetof(rs_cluster_member, node.type), false},
        {"id", read_text, offsetof(rs_cluster_member, node.id), false},
        {"risk", read_millionths, offsetof(rs_cluster_member, risk), false},
        {"membership", read_millionths, offsetof(rs_cluster_member, membership), false},
        {"known", read_flag, offsetof(rs_cluster_member, known), false},
        {"role", read_role, offsetof(rs_cluster_member, role), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_member *member = add(&report->members, sizeof *member);
    return member == NULL ? no_memory(err) : read_fields(report, fields, member, err);
}

static rs_status read_thing(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"type", read_text, offsetof(rs_cluster_thing, node.type), false},
        {"id", read_text, offsetof(rs_cluster_thing, node.id), false},
        {"risk", read_millionths, offsetof(rs_cluster_thing, risk), false},
        {"known", read_flag, offsetof(rs_cluster_thing, known), false},
        {"shared_by", read_u32, offsetof(rs_cluster_thing, shared_by), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_thing *thing = add(&report->things, sizeof *thing);
    return thing == NULL ? no_memory(err) : read_fields(report, fields, thing, err);
}

static rs_status read_users(rs_report *report, const char *key, void *to, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token;
    size_t *count = to;
    RS_TRY(expect(report, key, RSI_JSON_ARRAY, &text, err));
    RS_TRY(next(report, key, &token, &text, err));
    for (; token == RSI_JSON_STRING; status = next(report, key, &token, &text, err)) {
        rs_text *user = add(&report->users, sizeof *user);
        if (user == NULL) {
            return no_memory(err);
        }
        *user = text;
        ++*count;
    }
    if (status == RS_OK && token != RSI_JSON_ARRAY_END) {
        status = damaged_at(report, key, "a string", err);
    }
done:
    return status;
}

static rs_status read_fact(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"relation", read_text_or_null, offsetof(rs_cluster_fact, relation), false},
        {"thing", read_named_or_null, offsetof(rs_cluster_fact, thing), false},
        {"user_type", read_text_or_null, offsetof(rs_cluster_fact, user_type), false},
        {"users", read_users, offsetof(rs_cluster_fact, user_count), false},
        {"more", read_u64, offsetof(rs_cluster_fact, more), true},
        {"events", read_u64, offsetof(rs_cluster_fact, event_count), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_fact *fact = add(&report->facts, sizeof *fact);
    return fact == NULL ? no_memory(err) : read_fields(report, fields, fact, err);
}

/* Facts of all reasons stand in one array; a reason's count is what its array added. */
static rs_status read_facts(rs_report *report, const char *key, void *to, rs_error *err)
{
    size_t before = report->facts.count;
    rs_status status = read_objects(report, key, read_fact, err);
    *(size_t *)to = report->facts.count - before;
    return status;
}

static rs_status read_reason(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"kind", read_text, offsetof(rs_cluster_reason, kind), false},
        {"weight", read_millionths, offsetof(rs_cluster_reason, weight), false},
        {"text", read_text, offsetof(rs_cluster_reason, text), false},
        {"members", read_u32, offsetof(rs_cluster_reason, member_count), false},
        {"things", read_u32, offsetof(rs_cluster_reason, thing_count), false},
        {"facts", read_facts, offsetof(rs_cluster_reason, fact_count), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_reason *reason = add(&report->reasons, sizeof *reason);
    return reason == NULL ? no_memory(err) : read_fields(report, fields, reason, err);
}

static rs_status read_members(rs_report *report, const char *key, void *to, rs_error *err)
{
    (void)to;
    return read_objects(report, key, read_member, err);
}

static rs_status read_things(rs_report *report, const char *key, void *to, rs_error *err)
{
    (void)to;
    return read_objects(report, key, read_thing, err);
}

static rs_status read_reasons(rs_report *report, const char *key, void *to, rs_error *err)
{
    (void)to;
    return read_objects(report, key, read_reason, err);
}

static rs_status read_lineage(rs_report *report, const char *key, void *to, rs_error *err)
{
    static const field fields[] = {
        {"event", read_text, 0, false},
        {NULL, NULL, 0, false},
    };
    rs_text ignored;
    rs_status status = expect(report, key, RSI_JSON_OBJECT, &ignored, err);
    return status != RS_OK ? status : read_fields(report, fields, to, err);
}

/* ---- a ring
 * ---------------------------------------------------------------------------------------- */

/* Set what points into arrays, now that they move no more. */
static void settle(rs_report *report)
{
    rs_cluster *cluster = &report->cluster;
    rs_cluster_reason *reasons = report->reasons.items;
    rs_cluster_fact *facts = report->facts.items;
    const rs_text *users = report->users.items;
    cluster->members = report->members.items;
    cluster->member_count = report->members.count;
    cluster->things = report->things.items;
    cluster->thing_count = report->things.count;
    cluster->reasons = reasons;
    cluster->reason_count = report->reasons.count;
    for (size_t i = 0, at = 0; i < report->facts.count; at += facts[i++].user_count) {
        facts[i].users = facts[i].user_count > 0 ? users + at : NULL;
    }
    for (size_t i = 0, at = 0; i < report->reasons.count; at += reasons[i++].fact_count) {
        reasons[i].facts = reasons[i].fact_count > 0 ? facts + at : NULL;
    }
}

static rs_status read_cluster(rs_report *report, rs_text line, rs_error *err)
{
    static const field fields[] = {
        {"id", read_text, offsetof(rs_cluster, id), false},
        {"score", read_millionths, offsetof(rs_cluster, score), false},
        {"since", read_text_or_null, offsetof(rs_cluster, since), false},
        {"lineage", read_lineage, offsetof(rs_cluster, event), false},
        {"members", read_members, 0, false},
        {"things", read_things, 0, false},
        {"reasons", read_reasons, 0, false},
        {NULL, NULL, 0, false},
    };
    rs_status status = RS_OK;
    rs_text ignored;
    vector *vectors[] = {&report->members, &report->things, &report->reasons, &report->facts,
                         &report->users};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        vectors[i]->count = 0;
    }
    memset(&report->cluster, 0, sizeof report->cluster);
    report->json_at = 0;
    rsi_json_start(report->json, line.bytes, line.length);
    RS_TRY(expect(report, "clusters", RSI_JSON_OBJECT, &ignored, err));
    RS_TRY(read_fields(report, fields, &report->cluster, err));
    RS_TRY(expect(report, "clusters", RSI_JSON_END, &ignored, err));
    settle(report);
    report->cluster.json = line;
done:
    return status;
}

/* ---- lines
 * ------------------------------------------------------------------------------------------ */

/* Read more into the buffer behind what is left in it; room is made first. */
static rs_status refill(rs_report *report, rs_error *err)
{
    if (report->at > 0) {
        memmove(report->buffer, report->buffer + report->at, report->end - report->at);
        report->end -= report->at;
        report->at = 0;
    }
    if (report->end == report->capacity) {
        size_t capacity = report->capacity > 0 ? 2 * report->capacity : FIRST_CAPACITY;
        char *buffer = capacity <= LINE_MAX_BYTES ? realloc(report->buffer, capacity) : NULL;
        if (buffer == NULL) {
            return capacity <= LINE_MAX_BYTES ? no_memory(err)
                                              : damaged(report, "a line of over 1 GiB", err);
        }
        report->buffer = buffer;
        report->capacity = capacity;
    }
    size_t count =
        fread(report->buffer + report->end, 1, report->capacity - report->end, report->file);
    if (ferror(report->file)) {
        return rs_fail(err, RS_EIO, "report \"%s\": read: %s", report->path, strerror(errno));
    }
    if (count == 0) {
        return damaged(report, "the file ends here, but the report does not", err);
    }
    report->end += count;
    return RS_OK;
}

/* The next line, without its end; lent until the next one. */
static rs_status read_line(rs_report *report, rs_text *line, rs_error *err)
{
    rs_status status = RS_OK;
    size_t searched = 0;
    char *newline = NULL;
    report->line_number++;
    while (newline == NULL) {
        size_t length = report->end - report->at;
        if (length > searched) {
            newline = memchr(report->buffer + report->at + searched, '\n', length - searched);
        }
        searched = length;
        if (newline == NULL) {
            RS_TRY(refill(report, err));
        }
    }
    *line = (rs_text){report->buffer + report->at, (size_t)(newline - report->buffer) - report->at};
    report->at += line->length + 1;
done:
    return status;
}

static bool is(rs_text line, const char *string)
{
    return line.length == strlen(string) && memcmp(line.bytes, string, line.length) == 0;
}

/* A line of the head: "key":{...}, */
static rs_status read_head_line(rs_report *report, const char *key, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text line;
    rsi_json_token token;
    rs_text ignored;
    char start[16];
    size_t length = (size_t)snprintf(start, sizeof start, "\"%s\":", key);
    RS_TRY(read_line(report, &line, err));
    if (line.length < length + 2 || memcmp(line.bytes, start, length) != 0 ||
        line.bytes[line.length - 1] != ',') {
        return damaged(report, "not the head of a report", err);
    }
    report->json_at = length;
    rsi_json_start(report->json, line.bytes + length, line.length - length - 1);
    RS_TRY(next(report, key, &token, &ignored, err));
    if (token != RSI_JSON_OBJECT || !rsi_json_skip(report->json, token)) {
        return damaged_at(report, key, "an object", err);
    }
    RS_TRY(expect(report, key, RSI_JSON_END, &ignored, err));
done:
    return status;
}

static rs_status read_head(rs_report *report, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text line;
    RS_TRY(read_line(report, &line, err));
    if (!is(line, "{\"report\":\"ringscope/1\",")) {
        return damaged(report,
                       "expected {\"report\":\"ringscope/1\", (another program's file, or "
                       "another version's)",
                       err);
    }
    RS_TRY(read_head_line(report, "run", err));
    RS_TRY(read_head_line(report, "totals", err));
    RS_TRY(read_line(report, &line, err));
    report->fresh = true;
    report->done = false;
    if (!is(line, "\"clusters\":[")) {
        status = damaged(report, "expected \"clusters\":[", err);
    }
done:
    return status;
}

/* The next ring's line, without the comma behind it; length 0 at the end. */
static rs_status read_ring_line(rs_report *report, rs_text *line, rs_error *err)
{
    rs_status status = RS_OK;
    *line = (rs_text){"", 0};
    if (report->done) {
        return RS_OK;
    }
    RS_TRY(read_line(report, line, err));
    bool end = is(*line, "]}");
    if (!report->fresh && end == report->comma) {
        return damaged(report, end ? "a ring is missing" : "expected ]}", err);
    }
    report->fresh = false;
    report->done = end;
    report->comma = line->length > 0 && line->bytes[line->length - 1] == ',';
    line->length -= report->comma;
    if (end) {
        *line = (rs_text){"", 0};
        bool more = report->at < report->end || getc(report->file) != EOF;
        return more ? damaged(report, "text behind the end", err) : RS_OK;
    }
    if (line->length == 0) {
        status = damaged(report, "expected a ring", err);
    }
done:
    return status;
}

/* ---- the calls
 * --------------------------------------------------------------------------------------- */

rs_status rs_report_open(rs_report **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = calloc(1, sizeof *report);
    if (report == NULL || (report->path = strdup(path)) == NULL) {
        status = no_memory(err);
        goto done;
    }
    report->file = fopen(path, "rbe");
    if (report->file == NULL) {
        status = rs_fail(err, errno == ENOENT ? RS_ENOTFOUND : RS_EIO, "report \"%s\": open: %s",
                         path, strerror(errno));
        goto done;
    }
    RS_TRY(rsi_json_new(&report->json, err));
    RS_TRY(read_head(report, err));
    *out = report;
    report = NULL;
done:
    rs_report_close(report);
    return status;
}

rs_status rs_report_next(rs_report *report, const rs_cluster **cluster, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text line;
    *cluster = NULL;
    RS_TRY(read_ring_line(report, &line, err));
    if (line.length > 0) {
        RS_TRY(read_cluster(report, line, err));
        *cluster = &report->cluster;
    }
done:
    return status;
}

static rs_status rewind_report(rs_report *report, rs_error *err)
{
    if (fseeko(report->file, 0, SEEK_SET) != 0) {
        return rs_fail(err, RS_EIO, "report \"%s\": seek: %s", report->path, strerror(errno));
    }
    report->at = report->end = 0;
    report->line_number = 0;
    return read_head(report, err);
}

rs_status rs_report_find(rs_report *report, rs_text id, const rs_cluster **cluster, rs_error *err)
{
    static const char start[] = "{\"id\":\"";
    const size_t start_length = sizeof start - 1;
    rs_status status = RS_OK;
    rs_text line;
    *cluster = NULL;
    RS_TRY(rewind_report(report, err));
    do {
        RS_TRY(read_ring_line(report, &line, err));
        if (rsi_ring_id_valid(id) && line.length > start_length + id.length &&
            memcmp(line.bytes, start, start_length) == 0 &&
            memcmp(line.bytes + start_length, id.bytes, id.length) == 0) {
            RS_TRY(read_cluster(report, line, err));
            *cluster = &report->cluster;
            return RS_OK;
        }
    } while (line.length > 0);
    status = rs_fail(err, RS_ENOTFOUND, "ring \"%.*s\" is not in report \"%s\"",
                     (int)(id.length < 100 ? id.length : 100), id.bytes, report->path);
done:
    return status;
}

void rs_report_close(rs_report *report)
{
    if (report == NULL) {
        return;
    }
    if (report->file != NULL) {
        fclose(report->file);
    }
    rsi_json_free(report->json);
    free(report->members.items);
    free(report->things.items);
    free(report->reasons.items);
    free(report->facts.items);
    free(report->users.items);
    free(report->buffer);
    free(report->path);
    free(report);
}
