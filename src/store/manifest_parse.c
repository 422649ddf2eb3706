/* manifest_parse.c - the text of a manifest, believed only where its digest holds and every number
 * refers to something that is there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/manifest.h"

typedef struct text_line {
    const char *at; /* what is left of it */
    const char *end;
} text_line;

typedef struct manifest_parser {
    const char *at;
    const char *end;
    rsi_manifest *manifest;
    rs_error *err;
} manifest_parser;

static rs_status bad(manifest_parser *parser, const char *expected)
{
    return rs_fail(parser->err, RS_ECORRUPT, "S-01: %s was expected", expected);
}

/* The next word up to a space or the end of the line; false where it is empty. */
static bool take_word(text_line *line, const char **word, size_t *length)
{
    *word = line->at;
    while (line->at < line->end && *line->at != ' ') {
        line->at++;
    }
    *length = (size_t)(line->at - *word);
    if (line->at < line->end) {
        line->at++;
    }
    return *length > 0;
}

static bool take_number(text_line *line, uint64_t max, uint64_t *value)
{
    const char *word = NULL;
    size_t length = 0;
    uint64_t sum = 0;
    if (!take_word(line, &word, &length) || length > 20 || (length > 1 && word[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (word[i] < '0' || word[i] > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(word[i] - '0'), &sum)) {
            return false;
        }
    }
    *value = sum;
    return sum <= max;
}

static bool take_u32(text_line *line, uint64_t max, uint32_t *value)
{
    uint64_t wide = 0;
    bool taken = take_number(line, max, &wide);
    *value = (uint32_t)wide;
    return taken;
}

/* A signed number, or "-" for none. */
static bool take_time(text_line *line, int64_t *time)
{
    uint64_t size = 0;
    bool negative = line->at < line->end && *line->at == '-';
    if (negative && (line->at + 1 == line->end || line->at[1] == ' ')) {
        line->at += line->at + 1 == line->end ? 1 : 2;
        *time = RS_NO_TIME;
        return true;
    }
    line->at += negative;
    if (!take_number(line, INT64_MAX, &size)) {
        return false;
    }
    *time = negative ? -(int64_t)size : (int64_t)size;
    return true;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* A word of 16 hex digits for each of `count` numbers. */
static bool take_hex(text_line *line, uint64_t *numbers, size_t count)
{
    const char *word = NULL;
    size_t length = 0;
    if (!take_word(line, &word, &length) || length != 16 * count) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(word[i]);
        if (digit < 0) {
            return false;
        }
        numbers[i / 16] = numbers[i / 16] << 4 | (uint64_t)digit;
    }
    return true;
}

static bool take_hex64(text_line *line, uint64_t *number)
{
    *number = 0;
    return take_hex(line, number, 1);
}

static bool take_digest(text_line *line, rsi_hash128 *digest)
{
    uint64_t half[2] = {0, 0};
    bool taken = take_hex(line, half, 2);
    *digest = (rsi_hash128){.high = half[0], .low = half[1]};
    return taken;
}

/* One of `count` words; its number. */
static bool take_choice(text_line *line, const char *const *words, unsigned count, unsigned *choice)
{
    const char *word = NULL;
    size_t length = 0;
    if (!take_word(line, &word, &length)) {
        return false;
    }
    for (*choice = 0; *choice < count; (*choice)++) {
        if (strlen(words[*choice]) == length && memcmp(words[*choice], word, length) == 0) {
            return true;
        }
    }
    return false;
}

/* One byte of a quoted name; -1 at its end, -2 where it is malformed. */
static int take_name_byte(text_line *line)
{
    if (line->at == line->end) {
        return -2;
    }
    char byte = *line->at++;
    if (byte == '"') {
        return -1;
    }
    if (byte != '\\') {
        return (unsigned char)byte;
    }
    if (line->end - line->at < 3 || line->at[0] != 'x') {
        return -2;
    }
    int high = hex_digit(line->at[1]);
    int low = hex_digit(line->at[2]);
    line->at += 3;
    int value = high < 0 || low < 0 ? -2 : high * 16 + low;
    return value == 0 ? -2 : value; /* names are C strings */
}

static rs_status take_name(manifest_parser *parser, text_line *line, char **name)
{
    char bytes[4 * RSI_NAME_BYTES_MAX + 4097];
    size_t length = 0;
    int byte = line->at < line->end && *line->at++ == '"' ? 0 : -2;
    while (byte >= 0 && length + 1 < sizeof bytes) {
        byte = take_name_byte(line);
        if (byte >= 0) {
            bytes[length++] = (char)byte;
        }
    }
    if (byte != -1 || (line->at < line->end && *line->at++ != ' ')) {
        return bad(parser, "a name in quotes");
    }
    bytes[length++] = '\0';
    *name = malloc(length);
    if (*name == NULL) {
        return rs_fail(parser->err, RS_ENOMEM, "out of memory (manifest)");
    }
    memcpy(*name, bytes, length);
    return RS_OK;
}

/* Room for one more item of `size` bytes, zeroed. Grows at powers of two. */
static void *grow(manifest_parser *parser, void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0) {
        void *wider = realloc(items, (count == 0 ? 1 : 2 * count) * size);
        if (wider == NULL) {
            (void)rs_fail(parser->err, RS_ENOMEM, "out of memory (manifest)");
            return NULL;
        }
        items = wider;
    }
    memset((char *)items + count * size, 0, size);
    return items;
}

#define ADD(parser, items, count, max, item)                                                       \
    do {                                                                                           \
        if ((parser)->manifest->count >= (max)) {                                                  \
            return bad(parser, "fewer items");                                                     \
        }                                                                                          \
        void *grown = grow(parser, (parser)->manifest->items, (parser)->manifest->count,           \
                           sizeof *(parser)->manifest->items);                                     \
        if (grown == NULL) {                                                                       \
            return RS_ENOMEM;                                                                      \
        }                                                                                          \
        (parser)->manifest->items = grown;                                                         \
        (item) = &(parser)->manifest->items[(parser)->manifest->count++];                          \
    } while (0)

static rs_status parse_type(manifest_parser *parser, text_line *line)
{
    static const char *const roles[] = {"subject", "object", "keys"};
    rs_status status = RS_OK;
    rsi_type_entry *type = NULL;
    unsigned role = 0;
    const rsi_manifest *manifest = parser->manifest;
    ADD(parser, types, type_count, RSI_TYPES_MAX + RSI_RELATIONS_MAX, type);
    if (!take_u32(line, UINT32_MAX - 1, &type->node_count) || !take_choice(line, roles, 3, &role)) {
        return bad(parser, "a node count and \"subject\", \"object\" or \"keys\"");
    }
    type->subject = role == 0;
    type->hidden = role == 2;
    RS_TRY(take_name(parser, line, &type->name));
    parser->manifest->visible_types += !type->hidden;
    if (manifest->type_count > 1) {
        const rsi_type_entry *before = type - 1;
        if (before->hidden > type->hidden ||
            (before->hidden == type->hidden && strcmp(before->name, type->name) >= 0)) {
            return bad(parser, "a name behind that of the type before");
        }
    }
done:
    return status;
}

static int compare_relations(const rsi_relation_entry *a, const rsi_relation_entry *b)
{
    int order = strcmp(a->name, b->name);
    if (order == 0) {
        order = (a->src_type > b->src_type) - (a->src_type < b->src_type);
    }
    if (order == 0) {
        order = (a->dst_type > b->dst_type) - (a->dst_type < b->dst_type);
    }
    return order != 0 ? order : strcmp(a->currency, b->currency);
}

static rs_status parse_relation(manifest_parser *parser, text_line *line)
{
    static const char *const places[] = {"thing", "place"};
    static const char *const kinds[] = {"shared",  "payment",  "action",
                                        "content", "identity", "link"};
    rs_status status = RS_OK;
    rsi_relation_entry *relation = NULL;
    unsigned kind = 0;
    unsigned place = 0;
    uint32_t decimals = 0;
    size_t types = parser->manifest->visible_types;
    ADD(parser, relations, relation_count, RSI_RELATIONS_MAX, relation);
    if (!take_u32(line, types, &relation->src_type) || relation->src_type >= types ||
        !take_u32(line, types, &relation->dst_type) || relation->dst_type >= types) {
        return bad(parser, "the numbers of two types");
    }
    if (!take_choice(line, kinds, RS_KIND_COUNT, &kind) || !take_choice(line, places, 2, &place) ||
        !take_u32(line, 18, &decimals) || !take_number(line, UINT64_MAX, &relation->edge_count) ||
        !take_time(line, &relation->time_min) || !take_time(line, &relation->time_max)) {
        return bad(parser, "kind, place, decimals, edge count and times of a relation");
    }
    relation->kind = (rs_kind)kind;
    relation->place = place == 1;
    relation->decimals = (uint8_t)decimals;
    RS_TRY(take_name(parser, line, &relation->name));
    RS_TRY(take_name(parser, line, &relation->currency));
    if (parser->manifest->relation_count > 1 && compare_relations(relation - 1, relation) >= 0) {
        return bad(parser, "a relation behind the one before");
    }
done:
    return status;
}

static rs_status parse_attribute(manifest_parser *parser, text_line *line)
{
    static const char *const kinds[] = {"integer", "decimal", "date", "text"};
    rs_status status = RS_OK;
    rsi_attribute_entry *attribute = NULL;
    unsigned kind = 0;
    size_t types = parser->manifest->visible_types;
    ADD(parser, attributes, attribute_count, RSI_ATTRIBUTES_MAX, attribute);
    if (!take_u32(line, types, &attribute->type) || attribute->type >= types ||
        !take_choice(line, kinds, 4, &kind) ||
        !take_number(line, UINT64_MAX, &attribute->value_count)) {
        return bad(parser, "type, kind and count of an attribute");
    }
    attribute->kind = (rs_value_kind)kind;
    RS_TRY(take_name(parser, line, &attribute->name));
    if (parser->manifest->attribute_count > 1) {
        const rsi_attribute_entry *before = attribute - 1;
        if (before->type > attribute->type ||
            (before->type == attribute->type && strcmp(before->name, attribute->name) >= 0)) {
            return bad(parser, "an attribute behind the one before");
        }
    }
done:
    return status;
}

/* A number below `limit` or "-", which gives `none`. */
static bool take_optional(text_line *line, uint32_t limit, uint32_t none, uint32_t *value)
{
    bool dash = line->at < line->end && *line->at == '-' &&
                (line->at + 1 == line->end || line->at[1] == ' ');
    if (dash) {
        line->at += line->at + 1 == line->end ? 1 : 2;
        *value = none;
        return true;
    }
    return take_u32(line, limit, value) && *value < limit;
}

static rs_status parse_batch(manifest_parser *parser, text_line *line)
{
    rs_status status = RS_OK;
    rsi_batch_entry *batch = NULL;
    bool first = parser->manifest->version == 1;
    uint64_t next = parser->manifest->next_sequence;
    uint32_t home = UINT32_MAX;
    ADD(parser, batches, batch_count, UINT32_MAX - 1, batch);
    batch->time_min = RS_NO_TIME;
    batch->time_max = RS_NO_TIME;
    if (!take_number(line, UINT64_MAX, &batch->sequence) || batch->sequence == 0 ||
        batch->sequence >= next ||
        !(first || take_optional(line, UINT32_MAX - 1, UINT32_MAX, &home)) ||
        !take_number(line, UINT64_MAX, &batch->row_count) ||
        !take_number(line, UINT64_MAX, &batch->edge_count) ||
        !(first || (take_time(line, &batch->time_min) && take_time(line, &batch->time_max))) ||
        !take_digest(line, &batch->digest)) {
        return bad(parser, first ? "sequence, rows, edges and digest of a batch"
                                 : "sequence, home, rows, edges, times and digest of a batch");
    }
    batch->merged = home == UINT32_MAX ? 0 : home + 1;
    batch->timed = batch->time_min != RS_NO_TIME;
    if (batch->timed ? batch->time_max < batch->time_min : batch->time_max != RS_NO_TIME) {
        return bad(parser, "a first and a last event in order");
    }
    RS_TRY(take_name(parser, line, &batch->name));
    if (parser->manifest->batch_count > 1 && (batch - 1)->sequence >= batch->sequence) {
        return bad(parser, "a sequence above that of the batch before");
    }
done:
    return status;
}

static rs_status parse_source(manifest_parser *parser, text_line *line)
{
    rsi_source_entry *source = NULL;
    size_t batches = parser->manifest->batch_count;
    ADD(parser, sources, source_count, UINT32_MAX, source);
    if (!take_u32(line, batches, &source->batch) || source->batch >= batches) {
        return bad(parser, "the number of a batch");
    }
    return take_name(parser, line, &source->name);
}

/* Names of data files are ours: no path, nothing hidden. */
static bool plain_file_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && i > 0);
        if (!plain) {
            return false;
        }
    }
    return length > 0 && length < RSI_FILE_NAME_MAX;
}

static size_t object_count(const rsi_manifest *manifest, rsi_file_kind kind)
{
    switch (kind) {
    case RSI_FILE_DICTIONARY:
        return manifest->type_count;
    case RSI_FILE_ATTRIBUTE:
        return manifest->attribute_count;
    case RSI_FILE_SEGMENT:
    case RSI_FILE_ROWS:
    default:
        return manifest->relation_count;
    }
}

static rs_status parse_file(manifest_parser *parser, text_line *line)
{
    static const char *const kinds[] = {"dictionary", "segment", "attribute", "rows", "reverse"};
    rsi_file_entry *file = NULL;
    unsigned kind = 0;
    const char *name = NULL;
    size_t length = 0;
    const rsi_manifest *manifest = parser->manifest;
    ADD(parser, files, file_count, UINT32_MAX, file);
    bool first = manifest->version == 1;
    if (!take_optional(line, (uint32_t)manifest->batch_count, RSI_NO_BATCH, &file->batch) ||
        !take_choice(line, kinds, first ? RSI_FILE_KINDS_V1 : RSI_FILE_KIND_COUNT, &kind) ||
        !take_u32(line, UINT32_MAX, &file->object) ||
        file->object >= object_count(manifest, (rsi_file_kind)kind) ||
        !take_number(line, INT64_MAX, &file->ref.bytes) ||
        !(first || take_hex64(line, &file->ref.identity)) ||
        !take_digest(line, &file->ref.digest)) {
        return bad(parser, "batch, kind, object, size and digest of a file");
    }
    if (file->batch == RSI_NO_BATCH ? first || kind != RSI_FILE_DICTIONARY
                                    : manifest->batches[file->batch].merged > 0) {
        return bad(parser, "a batch that has files of its own");
    }
    if (!take_word(line, &name, &length) || !plain_file_name(name, length)) {
        return bad(parser, "the name of a data file");
    }
    memcpy(file->ref.name, name, length);
    file->ref.kind = (rsi_file_kind)kind;
    if (first) {
        const rsi_batch_entry *batch = &manifest->batches[file->batch];
        file->ref.identity = rsi_file_identity(batch->digest, batch->sequence, file->ref.name);
    }
    return RS_OK;
}

static bool take_line(manifest_parser *parser, text_line *line)
{
    const char *end = memchr(parser->at, '\n', (size_t)(parser->end - parser->at));
    if (end == NULL) {
        return false;
    }
    *line = (text_line){.at = parser->at, .end = end};
    parser->at = end + 1;
    return true;
}

/* Items come in this order, so that what a number refers to is there already. */
static rs_status parse_item(manifest_parser *parser, text_line *line, unsigned *phase)
{
    static const char *const words[] = {"type", "relation", "attribute", "batch", "source", "file"};
    static rs_status (*const parse[])(manifest_parser *, text_line *) = {
        parse_type, parse_relation, parse_attribute, parse_batch, parse_source, parse_file};
    unsigned item = 0;
    if (!take_choice(line, words, 6, &item) || item < *phase) {
        return bad(parser, "a type, relation, attribute, batch, source or file, in this order,");
    }
    *phase = item;
    rs_status status = parse[item](parser, line);
    if (status == RS_OK && line->at != line->end) {
        return bad(parser, "the end of the line");
    }
    return status;
}

static rs_status parse_head(manifest_parser *parser)
{
    static const char magic[] = "ringscope-store ";
    text_line line = {0};
    uint64_t version = 0;
    if ((size_t)(parser->end - parser->at) < sizeof magic - 1 ||
        memcmp(parser->at, magic, sizeof magic - 1) != 0 || !take_line(parser, &line)) {
        return rs_fail(
            parser->err, RS_ECORRUPT,
            "S-01: line 1: \"ringscope-store %d\" was expected: not the manifest of a store",
            RSI_MANIFEST_VERSION);
    }
    line.at += sizeof magic - 1;
    if (!take_number(&line, UINT64_MAX, &version) || version == 0 ||
        version > RSI_MANIFEST_VERSION) {
        return rs_fail(parser->err, RS_ECORRUPT,
                       "S-01: line 1: version %" PRIu64
                       " is not supported (this build reads 1 to %d)",
                       version, RSI_MANIFEST_VERSION);
    }
    parser->manifest->version = (unsigned)version;
    if (!take_line(parser, &line) || line.end - line.at < 5 || memcmp(line.at, "next ", 5) != 0) {
        return rs_fail(parser->err, RS_ECORRUPT, "S-01: line 2: \"next\" was expected");
    }
    line.at += 5;
    if (!take_number(&line, UINT64_MAX, &parser->manifest->next_sequence)) {
        return rs_fail(parser->err, RS_ECORRUPT, "S-01: line 2: a number was expected");
    }
    return RS_OK;
}

/* The last line is the digest of all before it; what follows or lacks it was cut or changed. */
static rs_status check_end(manifest_parser *parser)
{
    enum { END_BYTES = 4 + 32 + 1 };
    rsi_manifest *manifest = parser->manifest;
    rsi_hash128 found = {0};
    if (parser->end - parser->at < END_BYTES || memcmp(parser->end - END_BYTES, "end ", 4) != 0 ||
        parser->end[-1] != '\n' || parser->end[-END_BYTES - 1] != '\n') {
        return rs_fail(
            parser->err, RS_ECORRUPT,
            "S-01: the last line must be \"end\" and a digest: the file is cut or damaged");
    }
    text_line line = {.at = parser->end - END_BYTES + 4, .end = parser->end - 1};
    size_t length = (size_t)(parser->end - parser->at) - END_BYTES;
    manifest->digest = rsi_hash_128(parser->at, length, 0);
    if (!take_digest(&line, &found) || found.high != manifest->digest.high ||
        found.low != manifest->digest.low) {
        return rs_fail(parser->err, RS_ECORRUPT,
                       "S-01: the digest in the last line does not match");
    }
    manifest->bytes = (uint64_t)(parser->end - parser->at);
    parser->end -= END_BYTES;
    return RS_OK;
}

/* A batch that was merged names a later one that was not: its home. */
static rs_status check_homes(manifest_parser *parser)
{
    const rsi_manifest *manifest = parser->manifest;
    for (size_t i = 0; i < manifest->batch_count; i++) {
        uint32_t merged = manifest->batches[i].merged;
        if (merged > 0 && (merged - 1 <= i || merged - 1 >= manifest->batch_count ||
                           manifest->batches[merged - 1].merged > 0)) {
            return rs_fail(parser->err, RS_ECORRUPT,
                           "S-13: batch %zu is merged into batch %u, which is no home for it", i,
                           merged - 1);
        }
    }
    return RS_OK;
}

rs_status rsi_manifest_parse(rsi_manifest *manifest, const void *text, size_t length, rs_error *err)
{
    rs_status status = RS_OK;
    text_line line = {0};
    unsigned phase = 0;
    *manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
    manifest_parser parser = {
        .at = text, .end = (const char *)text + length, .manifest = manifest, .err = err};
    const manifest_parser whole = parser;
    /* The version before the digest: a newer format may end in another way. */
    RS_TRY(parse_head(&parser));
    parser.at = whole.at;
    RS_TRY(check_end(&parser));
    RS_TRY(parse_head(&parser));
    for (size_t number = 3; parser.at < parser.end; number++) {
        if (!take_line(&parser, &line)) {
            status = bad(&parser, "the end of the line");
            goto done;
        }
        RS_TRY(rs_context(err, parse_item(&parser, &line, &phase), "line %zu", number));
    }
    RS_TRY(check_homes(&parser));
done:
    if (status != RS_OK) {
        rsi_manifest_free(manifest);
    }
    return status;
}
