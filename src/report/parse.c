/* parse.c - the line of one ring, field by field, into plain arrays.
 *
 * Strictly JSON (base/json.h). Keys that this version does not know are passed over; a key that it
 * needs and that is not there is damage.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/try.h"
#include "report/read.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

rs_status rsi_damaged(const rs_report *report, const char *what, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "report \"%s\": line %llu: %s", report->path,
                   (unsigned long long)report->line_number, what);
}

rs_status rsi_damaged_at(const rs_report *report, const char *key, const char *expected,
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
static void *add(rsi_vector *array, size_t size)
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

/* ---- objects by tables of fields ------------------------------------------------------------- */

/* Reads one value into `to`. */
typedef rs_status value_reader(rs_report *report, const char *key, void *to, rs_error *err);

typedef struct field {
    const char *key;
    value_reader *read;
    size_t offset; /* in the object's struct */
    bool optional;
} field;

rs_status rsi_next_token(rs_report *report, const char *key, rsi_json_token *token, rs_text *text,
                         rs_error *err)
{
    *token = rsi_json_next(report->json, text);
    return *token == RSI_JSON_BAD ? rsi_damaged_at(report, key, "a value", err) : RS_OK;
}

rs_status rsi_expect(rs_report *report, const char *key, rsi_json_token wanted, rs_text *text,
                     rs_error *err)
{
    rsi_json_token token;
    rs_status status = rsi_next_token(report, key, &token, text, err);
    if (status == RS_OK && token != wanted) {
        status = rsi_damaged_at(report, key, rsi_json_token_name(wanted), err);
    }
    return status;
}

static rs_status skip(rs_report *report, const char *key, rs_error *err)
{
    rsi_json_token token;
    rs_text ignored;
    rs_status status = rsi_next_token(report, key, &token, &ignored, err);
    if (status == RS_OK && !rsi_json_skip(report->json, token)) {
        status = rsi_damaged_at(report, key, "a value", err);
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
    RS_TRY(rsi_next_token(report, "", &token, &key, err));
    for (; token == RSI_JSON_KEY; status = rsi_next_token(report, "", &token, &key, err)) {
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
            status = rsi_damaged_at(report, fields[i].key, "a value, found none", err);
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
    RS_TRY(rsi_expect(report, key, RSI_JSON_ARRAY, &ignored, err));
    RS_TRY(rsi_next_token(report, key, &token, &ignored, err));
    for (; token == RSI_JSON_OBJECT; status = rsi_next_token(report, key, &token, &ignored, err)) {
        RS_TRY(read(report, err));
    }
    if (status == RS_OK && token != RSI_JSON_ARRAY_END) {
        status = rsi_damaged_at(report, key, "an object", err);
    }
done:
    return status;
}

/* ---- values ---------------------------------------------------------------------------------- */

static rs_status read_text(rs_report *report, const char *key, void *to, rs_error *err)
{
    return rsi_expect(report, key, RSI_JSON_STRING, to, err);
}

static rs_status read_text_or_null(rs_report *report, const char *key, void *to, rs_error *err)
{
    rsi_json_token token;
    rs_status status = rsi_next_token(report, key, &token, to, err);
    if (status == RS_OK && token == RSI_JSON_NULL) {
        *(rs_text *)to = (rs_text){"", 0};
    } else if (status == RS_OK && token != RSI_JSON_STRING) {
        status = rsi_damaged_at(report, key, "a string or null", err);
    }
    return status;
}

static rs_status read_number(rs_report *report, const char *key, unsigned decimals, int64_t most,
                             int64_t *number, rs_error *err)
{
    rs_text text;
    rs_status status = rsi_expect(report, key, RSI_JSON_NUMBER, &text, err);
    if (status == RS_OK &&
        (rsi_decimal_parse(text, decimals, number) != NULL || *number < 0 || *number > most)) {
        status =
            rsi_damaged_at(report, key, decimals > 0 ? "a number from 0 to 1" : "a count", err);
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

static rs_status read_stability(rs_report *report, const char *key, void *to, rs_error *err)
{
    rs_text text;
    rsi_json_token token;
    int64_t number = 0;
    rs_status status = rsi_next_token(report, key, &token, &text, err);
    if (status == RS_OK && token == RSI_JSON_NULL) {
        *(uint32_t *)to = RS_NO_STABILITY;
    } else if (status == RS_OK &&
               (token != RSI_JSON_NUMBER || rsi_decimal_parse(text, 6, &number) != NULL ||
                number < 0 || number > RS_MILLION)) {
        status = rsi_damaged_at(report, key, "a number from 0 to 1 or null", err);
    } else if (status == RS_OK) {
        *(uint32_t *)to = (uint32_t)number;
    }
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
    rs_status status = rsi_next_token(report, key, &token, &ignored, err);
    *(bool *)to = token == RSI_JSON_TRUE;
    if (status == RS_OK && token != RSI_JSON_TRUE && token != RSI_JSON_FALSE) {
        status = rsi_damaged_at(report, key, "true or false", err);
    }
    return status;
}

static rs_status read_role(rs_report *report, const char *key, void *to, rs_error *err)
{
    rs_text text;
    rs_status status = rsi_expect(report, key, RSI_JSON_STRING, &text, err);
    for (rs_role role = RS_ROLE_CORE; status == RS_OK && role < RS_ROLE_COUNT; role++) {
        const char *name = rs_role_name(role);
        if (text.length == strlen(name) && memcmp(text.bytes, name, text.length) == 0) {
            *(rs_role *)to = role;
            return RS_OK;
        }
    }
    return status != RS_OK
               ? status
               : rsi_damaged_at(report, key, "core, member, bridge, collector, exit or hub", err);
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
    rs_status status = rsi_next_token(report, key, &token, &ignored, err);
    if (status == RS_OK && token == RSI_JSON_OBJECT) {
        status = read_fields(report, named_fields, to, err);
    } else if (status == RS_OK && token != RSI_JSON_NULL) {
        status = rsi_damaged_at(report, key, "an object or null", err);
    }
    return status;
}

/* ---- the parts of a ring --------------------------------------------------------------------- */

static rs_status read_named(rs_report *report, const char *key, void *to, rs_error *err)
{
    rs_text ignored;
    rs_status status = rsi_expect(report, key, RSI_JSON_OBJECT, &ignored, err);
    return status != RS_OK ? status : read_fields(report, named_fields, to, err);
}

static rs_status read_tie(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"kind", read_text, offsetof(rs_cluster_tie, kind), false},
        {"relation", read_text, offsetof(rs_cluster_tie, relation), true},
        {"with", read_named, offsetof(rs_cluster_tie, with), false},
        {"thing", read_named, offsetof(rs_cluster_tie, thing), true},
        {"weight", read_millionths, offsetof(rs_cluster_tie, weight), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_tie *tie = add(&report->ties, sizeof *tie);
    return tie == NULL ? no_memory(err) : read_fields(report, fields, tie, err);
}

/* Ties of all members stand in one array; a member's count is what its array added. */
static rs_status read_ties(rs_report *report, const char *key, void *to, rs_error *err)
{
    size_t before = report->ties.count;
    rs_status status = read_objects(report, key, read_tie, err);
    *(size_t *)to += report->ties.count - before;
    return status;
}

static rs_status read_member(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"type", read_text, offsetof(rs_cluster_member, node.type), false},
        {"id", read_text, offsetof(rs_cluster_member, node.id), false},
        {"risk", read_millionths, offsetof(rs_cluster_member, risk), false},
        {"membership", read_millionths, offsetof(rs_cluster_member, membership), false},
        {"known", read_flag, offsetof(rs_cluster_member, known), false},
        {"cleared", read_flag, offsetof(rs_cluster_member, cleared), true},
        {"disputed", read_flag, offsetof(rs_cluster_member, disputed), true},
        {"role", read_role, offsetof(rs_cluster_member, role), false},
        {"ties", read_ties, offsetof(rs_cluster_member, tie_count), true},
        {"more_ties", read_u32, offsetof(rs_cluster_member, more_ties), true},
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
    RS_TRY(rsi_expect(report, key, RSI_JSON_ARRAY, &text, err));
    RS_TRY(rsi_next_token(report, key, &token, &text, err));
    for (; token == RSI_JSON_STRING; status = rsi_next_token(report, key, &token, &text, err)) {
        rs_text *user = add(&report->users, sizeof *user);
        if (user == NULL) {
            return no_memory(err);
        }
        *user = text;
        ++*count;
    }
    if (status == RS_OK && token != RSI_JSON_ARRAY_END) {
        status = rsi_damaged_at(report, key, "a string", err);
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
        {"first", read_text, offsetof(rs_cluster_fact, first), true},
        {"last", read_text, offsetof(rs_cluster_fact, last), true},
        {"amount", read_text, offsetof(rs_cluster_fact, amount), true},
        {"currency", read_text, offsetof(rs_cluster_fact, currency), true},
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

static rs_status read_victim(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"type", read_text, offsetof(rs_cluster_victim, node.type), false},
        {"id", read_text, offsetof(rs_cluster_victim, node.id), false},
        {"payments", read_u32, offsetof(rs_cluster_victim, payment_count), false},
        {"amount", read_text, offsetof(rs_cluster_victim, amount), true},
        {NULL, NULL, 0, false},
    };
    rs_cluster_victim *victim = add(&report->victims, sizeof *victim);
    return victim == NULL ? no_memory(err) : read_fields(report, fields, victim, err);
}

/* Victims of all relations stand in one array; a relation's count is what its array added. */
static rs_status read_people(rs_report *report, const char *key, void *to, rs_error *err)
{
    size_t before = report->victims.count;
    rs_status status = read_objects(report, key, read_victim, err);
    *(size_t *)to = report->victims.count - before;
    return status;
}

static rs_status read_one_paid(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"relation", read_text, offsetof(rs_cluster_paid, relation), false},
        {"count", read_u32, offsetof(rs_cluster_paid, victim_count), false},
        {"payments", read_u64, offsetof(rs_cluster_paid, payment_count), false},
        {"amount", read_text, offsetof(rs_cluster_paid, amount), true},
        {"currency", read_text, offsetof(rs_cluster_paid, currency), true},
        {"people", read_people, offsetof(rs_cluster_paid, listed_count), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_paid *paid = add(&report->paid, sizeof *paid);
    return paid == NULL ? no_memory(err) : read_fields(report, fields, paid, err);
}

static rs_status read_paid(rs_report *report, const char *key, void *to, rs_error *err)
{
    (void)to;
    return read_objects(report, key, read_one_paid, err);
}

static rs_status read_one_alone(rs_report *report, rs_error *err)
{
    rs_named *one = add(&report->alone, sizeof *one);
    return one == NULL ? no_memory(err) : read_fields(report, named_fields, one, err);
}

/* Those of all holds stand in one array; a hold's count is what its array added. */
static rs_status read_alone(rs_report *report, const char *key, void *to, rs_error *err)
{
    size_t before = report->alone.count;
    rs_status status = read_objects(report, key, read_one_alone, err);
    *(size_t *)to = report->alone.count - before;
    return status;
}

static rs_status read_hold(rs_report *report, rs_error *err)
{
    static const field fields[] = {
        {"type", read_text, offsetof(rs_cluster_hold, thing.type), false},
        {"id", read_text, offsetof(rs_cluster_hold, thing.id), false},
        {"parts", read_u32, offsetof(rs_cluster_hold, part_count), false},
        {"cut", read_u32, offsetof(rs_cluster_hold, cut_count), false},
        {"alone", read_u32, offsetof(rs_cluster_hold, alone_count), false},
        {"members", read_alone, offsetof(rs_cluster_hold, listed_count), false},
        {NULL, NULL, 0, false},
    };
    rs_cluster_hold *hold = add(&report->holds, sizeof *hold);
    return hold == NULL ? no_memory(err) : read_fields(report, fields, hold, err);
}

static rs_status read_holds(rs_report *report, const char *key, void *to, rs_error *err)
{
    (void)to;
    return read_objects(report, key, read_hold, err);
}

static rs_status read_lineage(rs_report *report, const char *key, void *to, rs_error *err)
{
    static const field fields[] = {
        {"event", read_text, 0, false},
        {NULL, NULL, 0, false},
    };
    rs_text ignored;
    rs_status status = rsi_expect(report, key, RSI_JSON_OBJECT, &ignored, err);
    return status != RS_OK ? status : read_fields(report, fields, to, err);
}

/* ---- a ring ---------------------------------------------------------------------------------- */

/* Set what points into arrays, now that they move no more. */
static void settle(rs_report *report)
{
    rs_cluster *cluster = &report->cluster;
    rs_cluster_reason *reasons = report->reasons.items;
    rs_cluster_fact *facts = report->facts.items;
    const rs_text *users = report->users.items;
    rs_cluster_hold *holds = report->holds.items;
    const rs_named *alone = report->alone.items;
    rs_cluster_paid *paid = report->paid.items;
    const rs_cluster_victim *victims = report->victims.items;
    rs_cluster_member *members = report->members.items;
    const rs_cluster_tie *ties = report->ties.items;
    cluster->members = members;
    cluster->member_count = report->members.count;
    cluster->things = report->things.items;
    cluster->thing_count = report->things.count;
    cluster->reasons = reasons;
    cluster->reason_count = report->reasons.count;
    cluster->holds = holds;
    cluster->hold_count = report->holds.count;
    cluster->paid = paid;
    cluster->paid_count = report->paid.count;
    for (size_t i = 0, at = 0; i < report->members.count; at += members[i++].tie_count) {
        members[i].ties = members[i].tie_count > 0 ? ties + at : NULL;
    }
    for (size_t i = 0, at = 0; i < report->facts.count; at += facts[i++].user_count) {
        facts[i].users = facts[i].user_count > 0 ? users + at : NULL;
    }
    for (size_t i = 0, at = 0; i < report->holds.count; at += holds[i++].listed_count) {
        holds[i].alone = holds[i].listed_count > 0 ? alone + at : NULL;
    }
    for (size_t i = 0, at = 0; i < report->paid.count; at += paid[i++].listed_count) {
        paid[i].victims = paid[i].listed_count > 0 ? victims + at : NULL;
    }
    for (size_t i = 0, at = 0; i < report->reasons.count; at += reasons[i++].fact_count) {
        reasons[i].facts = reasons[i].fact_count > 0 ? facts + at : NULL;
    }
}

rs_status rsi_read_cluster(rs_report *report, rs_text line, rs_error *err)
{
    static const field fields[] = {
        {"id", read_text, offsetof(rs_cluster, id), false},
        {"score", read_millionths, offsetof(rs_cluster, score), false},
        {"stability", read_stability, offsetof(rs_cluster, stability), true},
        {"since", read_text_or_null, offsetof(rs_cluster, since), false},
        {"lineage", read_lineage, offsetof(rs_cluster, event), false},
        {"members", read_members, 0, false},
        {"things", read_things, 0, false},
        {"reasons", read_reasons, 0, false},
        {"holds", read_holds, 0, true},
        {"victims", read_paid, 0, true},
        {NULL, NULL, 0, false},
    };
    rs_status status = RS_OK;
    rs_text ignored;
    rsi_vector *vectors[] = {&report->members, &report->things, &report->reasons, &report->facts,
                             &report->users,   &report->paid,   &report->victims, &report->holds,
                             &report->alone,   &report->ties};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        vectors[i]->count = 0;
    }
    report->cluster = (rs_cluster){.stability = RS_NO_STABILITY};
    report->json_at = 0;
    rsi_json_start(report->json, line.bytes, line.length);
    RS_TRY(rsi_expect(report, "clusters", RSI_JSON_OBJECT, &ignored, err));
    RS_TRY(read_fields(report, fields, &report->cluster, err));
    RS_TRY(rsi_expect(report, "clusters", RSI_JSON_END, &ignored, err));
    settle(report);
    report->cluster.json = line;
done:
    return status;
}
