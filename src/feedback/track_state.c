/* track_state.c - the rings that a night leaves to the next, as bytes and back.
 *
 * Invariant: rings ascend by id, the members of each by (type, id), types by name; a file where
 * they do not is refused, so each state has one form.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/track_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/ringid.h"
#include "base/try.h"
#include "base/zblock.h"

static const char magic[8] = "RSRINGS1";
enum {
    AT_AS_OF = 8,
    AT_SETTINGS = 16,
    AT_BODY = 48,
    AT_PACKED = 56,
    AT_SUM = 64,
    AT_HEAD_SUM = 72
};
enum { LEVEL = 1, LEAST_RING = 23, LEAST_MEMBER = 2 }; /* bytes */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rings of a night)");
}

void rsi_track_state_free(rsi_track_state *state)
{
    for (size_t i = 0; i < state->type_count; i++) {
        free(state->types[i]);
    }
    free(state->types);
    free(state->rings);
    free(state->from);
    free(state->members);
    free(state->body);
    *state = (rsi_track_state){0};
}

const rsi_track_ring *rsi_track_find(const rsi_track_state *state, const char *id)
{
    size_t low = 0;
    size_t high = state->ring_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(state->rings[middle].id.text, id);
        if (order == 0) {
            return &state->rings[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

int rsi_track_compare(const rsi_track_member *a, const rsi_track_member *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    uint32_t shared = a->length < b->length ? a->length : b->length;
    int order = shared > 0 ? memcmp(a->id, b->id, shared) : 0;
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static uint64_t id_number(const rs_ring_id *id)
{
    return id->text[0] == '\0' ? 0 : rsi_ring_id_number(id->text);
}

/* A time as its distance from the as-of time, which wraps as it must where there is none. */
static uint64_t before(const rsi_track_state *state, int64_t time)
{
    return zigzag((int64_t)((uint64_t)state->as_of - (uint64_t)time));
}

static rs_status put_number(rsi_buffer *out, uint64_t number, rs_error *err)
{
    rs_status status = rsi_buffer_reserve(out, RSI_VARINT_MAX, err);
    if (status == RS_OK) {
        uint8_t *end = rsi_store_varint(out->bytes + out->length, number);
        out->length = (size_t)(end - out->bytes);
    }
    return status;
}

static rs_status put_ring(const rsi_track_state *state, const rsi_track_ring *ring, rsi_buffer *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t event = (uint8_t)ring->event;
    RS_TRY(rsi_buffer_add_u64(out, id_number(&ring->id), err));
    RS_TRY(rsi_buffer_add(out, &event, 1, err));
    RS_TRY(put_number(out, before(state, ring->since), err));
    RS_TRY(put_number(out, before(state, ring->seen), err));
    RS_TRY(put_number(out, ring->score, err));
    RS_TRY(put_number(out, ring->evidence, err));
    RS_TRY(rsi_buffer_add_u64(out, id_number(&ring->into), err));
    RS_TRY(put_number(out, ring->from_count, err));
    for (size_t i = 0; i < ring->from_count; i++) {
        RS_TRY(rsi_buffer_add_u64(out, id_number(&state->from[ring->from_first + i]), err));
    }
    RS_TRY(put_number(out, ring->member_count, err));
    for (size_t i = 0; i < ring->member_count; i++) {
        const rsi_track_member *member = &state->members[ring->member_first + i];
        RS_TRY(put_number(out, member->type, err));
        RS_TRY(put_number(out, member->length, err));
        RS_TRY(rsi_buffer_add(out, member->id, member->length, err));
    }
done:
    return status;
}

static rs_status put_body(const rsi_track_state *state, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(put_number(out, state->type_count, err));
    for (size_t i = 0; i < state->type_count; i++) {
        RS_TRY(put_number(out, strlen(state->types[i]), err));
        RS_TRY(rsi_buffer_add(out, state->types[i], strlen(state->types[i]), err));
    }
    RS_TRY(put_number(out, state->ring_count, err));
    for (size_t i = 0; i < state->ring_count; i++) {
        RS_TRY(put_ring(state, &state->rings[i], out, err));
    }
done:
    return status;
}

rs_status rsi_track_encode(const rsi_track_state *state, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer body = {0};
    rsi_zblock *zblock = NULL;
    uint8_t head[RSI_TRACK_HEAD] = {0};
    size_t packed = 0;
    size_t start = out->length;
    RS_TRY(put_body(state, &body, err));
    RS_TRY(rsi_zblock_new(&zblock, err));
    RS_TRY(rsi_buffer_add(out, head, sizeof head, err));
    RS_TRY(rsi_zblock_pack(zblock, body.bytes, body.length, LEVEL, out, &packed, err));
    uint8_t *at = out->bytes + start;
    memcpy(at, magic, sizeof magic);
    rsi_store_u64le(at + AT_AS_OF, (uint64_t)state->as_of);
    memcpy(at + AT_SETTINGS, state->settings, AT_BODY - AT_SETTINGS);
    rsi_store_u64le(at + AT_BODY, body.length);
    rsi_store_u64le(at + AT_PACKED, packed);
    rsi_store_u64le(at + AT_SUM, rsi_hash64(at + RSI_TRACK_HEAD, packed, 0));
    rsi_store_u64le(at + AT_HEAD_SUM, rsi_hash64(at, AT_HEAD_SUM, 0));
done:
    rsi_zblock_free(zblock);
    rsi_buffer_free(&body);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static rs_status bad(const char *what, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "%s", what);
}

rs_status rsi_track_head(const void *bytes, size_t length, int64_t *as_of, char settings[33],
                         rs_error *err)
{
    const uint8_t *at = bytes;
    if (length < RSI_TRACK_HEAD || memcmp(at, magic, sizeof magic) != 0) {
        return bad("no file of a night's rings, or of another version", err);
    }
    if (rsi_load_u64le(at + AT_HEAD_SUM) != rsi_hash64(at, AT_HEAD_SUM, 0)) {
        return bad("the checksum of its head does not fit", err);
    }
    *as_of = (int64_t)rsi_load_u64le(at + AT_AS_OF);
    memcpy(settings, at + AT_SETTINGS, AT_BODY - AT_SETTINGS);
    settings[AT_BODY - AT_SETTINGS] = '\0';
    return strspn(settings, "0123456789abcdef") == 32
               ? RS_OK
               : bad("the digest of its settings is none", err);
}

/* What is read, and where: arrays grow with what the body holds, for a count may lie. */
typedef struct reader {
    rsi_cursor at;
    rsi_track_state *state;
    size_t from_room, member_room;
} reader;

/* Room for `more` items behind `count`. */
static void *room_for(void *items, size_t count, size_t more, size_t *room, size_t size)
{
    if (count + more <= *room && items != NULL) {
        return items;
    }
    size_t wanted = count + more + count / 2 + 16;
    void *grown = realloc(items, wanted * size);
    *room = grown != NULL ? wanted : *room;
    return grown;
}

static bool take_number(rsi_cursor *at, uint64_t most, uint64_t *number)
{
    return rsi_take_varint(at, number) && *number <= most;
}

static bool take_time(reader *r, int64_t *time)
{
    uint64_t coded = 0;
    bool good = rsi_take_varint(&r->at, &coded);
    uint64_t distance = coded >> 1 ^ (0 - (coded & 1));
    *time = (int64_t)((uint64_t)r->state->as_of - distance);
    return good;
}

static bool take_id(rsi_cursor *at, bool may_lack, rs_ring_id *id)
{
    uint64_t number = 0;
    bool good = rsi_take_u64(at, &number) && (number != 0 || may_lack);
    if (number != 0) {
        rsi_ring_id_write(number, id->text);
    } else {
        id->text[0] = '\0';
    }
    return good;
}

static rs_status take_types(reader *r, rs_error *err)
{
    uint64_t count = 0;
    rsi_track_state *state = r->state;
    if (!take_number(&r->at, rsi_cursor_left(&r->at), &count)) {
        return bad("types: a count was expected", err);
    }
    state->types = calloc((size_t)count + 1, sizeof *state->types);
    if (state->types == NULL) {
        return no_memory(err);
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length = 0;
        const uint8_t *name = NULL;
        if (!take_number(&r->at, 255, &length) ||
            (name = rsi_take(&r->at, (size_t)length)) == NULL || length == 0 ||
            memchr(name, '\0', (size_t)length) != NULL) {
            return bad("types: a name was expected", err);
        }
        state->types[i] = strndup((const char *)name, (size_t)length);
        if (state->types[i] == NULL) {
            return no_memory(err);
        }
        state->type_count++;
        if (i > 0 && strcmp(state->types[i - 1], state->types[i]) >= 0) {
            return bad("types: they do not ascend", err);
        }
    }
    return RS_OK;
}

static rs_status take_members(reader *r, rsi_track_ring *ring, rs_error *err)
{
    uint64_t count = 0;
    rsi_track_state *state = r->state;
    if (!take_number(&r->at, rsi_cursor_left(&r->at) / LEAST_MEMBER, &count)) {
        return bad("a ring's members: a count was expected", err);
    }
    ring->member_first = state->member_count;
    ring->member_count = (size_t)count;
    rsi_track_member *members = room_for(state->members, state->member_count, (size_t)count,
                                         &r->member_room, sizeof *members);
    if (members == NULL) {
        return no_memory(err);
    }
    state->members = members;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t type = 0;
        uint64_t length = 0;
        const uint8_t *id = NULL;
        rsi_track_member *one = &members[state->member_count++];
        if (!take_number(&r->at, UINT32_MAX, &type) || type >= state->type_count ||
            !take_number(&r->at, UINT32_MAX, &length) ||
            (id = rsi_take(&r->at, (size_t)length)) == NULL) {
            return bad("a ring's members: a type and an id were expected", err);
        }
        *one = (rsi_track_member){(const char *)id, (uint32_t)length, (uint32_t)type};
        if (i > 0 && rsi_track_compare(one - 1, one) >= 0) {
            return bad("a ring's members do not ascend", err);
        }
    }
    return RS_OK;
}

static rs_status take_from(reader *r, rsi_track_ring *ring, rs_error *err)
{
    uint64_t count = 0;
    rsi_track_state *state = r->state;
    if (!take_number(&r->at, rsi_cursor_left(&r->at) / 8, &count)) {
        return bad("where a ring comes from: a count was expected", err);
    }
    rs_ring_id *from =
        room_for(state->from, state->from_count, (size_t)count, &r->from_room, sizeof *from);
    if (from == NULL) {
        return no_memory(err);
    }
    state->from = from;
    ring->from_first = state->from_count;
    ring->from_count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_id(&r->at, false, &from[state->from_count++])) {
            return bad("where a ring comes from: an id was expected", err);
        }
    }
    return RS_OK;
}

/* No sum of times may leave 64 bits. */
static bool in_order(int64_t as_of, const rsi_track_ring *ring)
{
    static const int64_t most = INT64_C(1) << 60;
    return ring->since <= ring->seen && ring->seen <= as_of &&
           (as_of == RS_NO_TIME || (ring->since >= -most && as_of <= most));
}

static rs_status take_ring(reader *r, rsi_track_ring *ring, rs_error *err)
{
    uint8_t event = 0;
    uint64_t score = 0;
    rs_status status = RS_OK;
    if (!take_id(&r->at, false, &ring->id) || !rsi_take_u8(&r->at, &event) ||
        event >= RS_RING_EVENT_COUNT || !take_time(r, &ring->since) || !take_time(r, &ring->seen) ||
        !take_number(&r->at, RS_MILLION, &score) || !rsi_take_varint(&r->at, &ring->evidence) ||
        !take_id(&r->at, true, &ring->into)) {
        return bad("a ring was expected", err);
    }
    if (!in_order(r->state->as_of, ring)) {
        return bad("a ring that is seen after tonight, or before its birth", err);
    }
    ring->event = (rs_ring_event)event;
    ring->score = (uint32_t)score;
    RS_TRY(take_from(r, ring, err));
    RS_TRY(take_members(r, ring, err));
done:
    return status;
}

static rs_status take_body(reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t count = 0;
    rsi_track_state *state = r->state;
    RS_TRY(take_types(r, err));
    if (!take_number(&r->at, rsi_cursor_left(&r->at) / LEAST_RING, &count)) {
        status = bad("rings: a count was expected", err);
        goto done;
    }
    state->rings = calloc((size_t)count + 1, sizeof *state->rings);
    if (state->rings == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (uint64_t i = 0; i < count; i++) {
        rsi_track_ring *ring = &state->rings[state->ring_count++];
        RS_TRY(rs_context(err, take_ring(r, ring, err), "ring %llu", (unsigned long long)i + 1));
        if (i > 0 && strcmp(ring[-1].id.text, ring->id.text) >= 0) {
            status = bad("rings do not ascend by id", err);
            goto done;
        }
    }
    if (rsi_cursor_left(&r->at) > 0) {
        status = bad("bytes behind the last ring", err);
    }
done:
    return status;
}

rs_status rsi_track_decode(const void *bytes, size_t length, rsi_track_state *out, rs_error *err)
{
    rs_status status = RS_OK;
    const uint8_t *at = bytes;
    rsi_zblock *zblock = NULL;
    reader r = {.state = out};
    *out = (rsi_track_state){0};
    RS_TRY(rsi_track_head(bytes, length, &out->as_of, out->settings, err));
    uint64_t body = rsi_load_u64le(at + AT_BODY);
    uint64_t packed = rsi_load_u64le(at + AT_PACKED);
    if (packed != length - RSI_TRACK_HEAD || body > RSI_TRACK_FILE_MAX) {
        status = rs_fail(err, RS_ECORRUPT, "%zu bytes behind its head, which promises %llu",
                         length - RSI_TRACK_HEAD, (unsigned long long)packed);
        goto done;
    }
    if (rsi_load_u64le(at + AT_SUM) != rsi_hash64(at + RSI_TRACK_HEAD, (size_t)packed, 0)) {
        status = bad("its checksum does not fit", err);
        goto done;
    }
    out->body = malloc((size_t)body + 1);
    if (out->body == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_zblock_new(&zblock, err));
    RS_TRY(rsi_zblock_unpack(zblock, at + RSI_TRACK_HEAD, (size_t)packed, out->body, (size_t)body,
                             err));
    r.at = (rsi_cursor){out->body, out->body + body};
    RS_TRY(take_body(&r, err));
done:
    rsi_zblock_free(zblock);
    if (status != RS_OK) {
        rsi_track_state_free(out);
    }
    return status;
}

/* ---- erasing --------------------------------------------------------------------------------- */

static bool is_named(const rsi_track_state *state, const rsi_track_member *member,
                     const rs_node_name *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].id.length == member->length &&
            memcmp(nodes[i].id.bytes, member->id, member->length) == 0 &&
            strcmp(nodes[i].type, state->types[member->type]) == 0) {
            return true;
        }
    }
    return false;
}

void rsi_track_erase(rsi_track_state *state, const rs_node_name *nodes, size_t count,
                     uint64_t *hits)
{
    for (size_t r = 0; r < state->ring_count; r++) {
        rsi_track_ring *ring = &state->rings[r];
        rsi_track_member *members = state->members + ring->member_first;
        size_t kept = 0;
        for (size_t i = 0; i < ring->member_count; i++) {
            if (!is_named(state, &members[i], nodes, count)) {
                members[kept++] = members[i];
            }
        }
        *hits += ring->member_count - kept;
        ring->member_count = kept;
    }
}
