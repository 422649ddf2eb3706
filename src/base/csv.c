/* csv.c - the CSV scanner: find every special character of a window first, then walk over the
 * finds.
 *
 * Special are the delimiter, quote, CR and LF. 16 bytes at a time are compared with the four (SSE2,
 * part of every x86-64; elsewhere byte by byte), or 32 at a time with the one that a shuffle by
 * their low four bits finds (AVX2, where the processor has it; G. Langdale and D. Lemire, "Parsing
 * gigabytes of JSON per second"); the hits become a list of offsets, and a record is
 * read by stepping from hit to hit, so that plain text is never looked at twice. The same pass
 * tells whether all was ASCII.
 *
 * Invariant: marks[next .. count) are the special characters of bytes[at .. scanned), ascending.
 * Cost: about 0.5 ns a byte, one pass. Memory: 64 KiB, and the piece's length again once a doubled
 * quote has to be undone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/csv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#if defined __x86_64__ && defined __GNUC__
#include <immintrin.h>
#define HAVE_AVX2 /* the compiler has; whether the processor has is asked at run time */
#elif defined __SSE2__
#include <emmintrin.h>
#endif

enum { WINDOW = 1 << 14, LANE = 64 };

struct rsi_csv_scan {
    const char *bytes;
    size_t length;
    size_t at;      /* where the next record starts */
    size_t scanned; /* up to here the marks are known */
    size_t next;
    size_t count;
    uint64_t lines;
    char delimiter;
    char nibbles[16];
    rsi_csv_lanes lanes;
    bool ascii;
    rs_text *fields;
    size_t capacity;
    char *undone; /* text whose doubled quotes were undone; as long as the longest piece */
    size_t undone_length;
    size_t undone_capacity;
    uint32_t marks[1 + WINDOW]; /* marks[0] is only there to stand before the first */
};

static const char *const OPEN_QUOTE = "quote is not closed";
static const char *const STRAY_QUOTE = "quote within a field that does not start with one";
static const char *const AFTER_QUOTE = "text after the closing quote";
static const char *const STRAY_CR = "carriage return outside quotes and not before a line feed";

rs_status rsi_csv_scan_new(rsi_csv_scan **out, char delimiter, size_t capacity, rs_error *err)
{
    assert(delimiter != '"' && delimiter != '\r' && delimiter != '\n' && delimiter > 0);
    rsi_csv_scan *scan = malloc(sizeof *scan);
    rs_text *fields = calloc(capacity > 0 ? capacity : 1, sizeof *fields);
    if (scan == NULL || fields == NULL) {
        free(fields);
        free(scan);
        return rs_fail(err, RS_ENOMEM, "out of memory (CSV scanner)");
    }
    scan->delimiter = delimiter;
    scan->fields = fields;
    scan->capacity = capacity;
    scan->undone = NULL;
    scan->undone_capacity = 0;
    rsi_csv_scan_start(scan, "", 0);
    scan->lanes = RSI_CSV_BYTES;
    (void)(rsi_csv_scan_lanes(scan, RSI_CSV_AVX2) || rsi_csv_scan_lanes(scan, RSI_CSV_SSE2));
    *out = scan;
    return RS_OK;
}

void rsi_csv_scan_free(rsi_csv_scan *scan)
{
    if (scan != NULL) {
        free(scan->fields);
        free(scan->undone);
        free(scan);
    }
}

void rsi_csv_scan_start(rsi_csv_scan *scan, const char *bytes, size_t length)
{
    assert(length < UINT32_MAX);
    scan->bytes = bytes;
    scan->length = length;
    scan->at = 0;
    scan->scanned = 0;
    scan->next = 1;
    scan->count = 1;
    scan->lines = 0;
    scan->ascii = true;
    scan->undone_length = 0;
}

bool rsi_csv_scan_ascii(const rsi_csv_scan *scan)
{
    return scan->ascii;
}

size_t rsi_csv_scan_at(const rsi_csv_scan *scan)
{
    return scan->at;
}

uint64_t rsi_csv_scan_lines(const rsi_csv_scan *scan)
{
    return scan->lines;
}

/* ---- marks ------------------------------------------------------------------------------------
 */

static bool is_special(char c, char delimiter)
{
    return c == delimiter || c == '\n' || c == '"' || c == '\r';
}

static void mark_slowly(rsi_csv_scan *scan, size_t end)
{
    for (size_t i = scan->scanned; i < end; i++) {
        scan->marks[scan->count] = (uint32_t)i;
        scan->count += is_special(scan->bytes[i], scan->delimiter);
        scan->ascii = scan->ascii && (unsigned char)scan->bytes[i] < 0x80;
    }
    scan->scanned = end;
}

#ifdef __SSE2__
/* 64 bytes -> one bit for each that is special. */
static inline uint64_t special_bits(const char *bytes, __m128i delimiter, __m128i *all)
{
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    uint64_t bits = 0;
    for (int i = 0; i < LANE / 16; i++) {
        __m128i text = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * i));
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, delimiter), _mm_cmpeq_epi8(text, lf)),
                         _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, cr)));
        *all = _mm_or_si128(*all, text);
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * i);
    }
    return bits;
}

/* Whole lanes only, as all of these; the rest is left to mark_slowly. */
static void mark_sse2(rsi_csv_scan *scan, size_t end)
{
    const __m128i delimiter = _mm_set1_epi8(scan->delimiter);
    __m128i all = _mm_setzero_si128();
    size_t i = scan->scanned;
    uint32_t *mark = scan->marks + scan->count;
    for (; end - i >= LANE; i += LANE) {
        uint64_t bits = special_bits(scan->bytes + i, delimiter, &all);
        for (; bits != 0; bits &= bits - 1) {
            *mark++ = (uint32_t)i + (uint32_t)__builtin_ctzll(bits);
        }
    }
    scan->count = (size_t)(mark - scan->marks);
    scan->scanned = i;
    scan->ascii = scan->ascii && _mm_movemask_epi8(all) == 0;
}
#endif

#ifdef HAVE_AVX2
/* The special character with each low nibble, so that one shuffle finds what a byte has to be equal
 * to; elsewhere a byte of another nibble, which nothing there is equal to. False where two of the
 * special characters share a nibble. */
static bool fill_nibbles(char delimiter, char nibbles[16])
{
    const char special[] = {delimiter, '"', '\n', '\r'};
    bool good = true;
    for (int i = 0; i < 16; i++) {
        nibbles[i] = i == 1 ? 2 : 1;
    }
    for (size_t i = 0; i < sizeof special; i++) {
        char *nibble = &nibbles[special[i] & 15];
        good = good && (*nibble & 15) != (special[i] & 15);
        *nibble = special[i];
    }
    return good;
}

/* 32 bytes -> one bit for each that is special. */
__attribute__((target("avx2,bmi"))) static inline uint64_t
special_bits_avx2(const char *bytes, __m256i nibbles, __m256i *all)
{
    __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i hit = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(nibbles, text), text);
    *all = _mm256_or_si256(*all, text);
    return (uint32_t)_mm256_movemask_epi8(hit);
}

__attribute__((target("avx2,bmi"))) static void mark_avx2(rsi_csv_scan *scan, size_t end)
{
    const __m256i nibbles =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)scan->nibbles));
    __m256i all = _mm256_setzero_si256();
    size_t i = scan->scanned;
    uint32_t *mark = scan->marks + scan->count;
    for (; end - i >= LANE; i += LANE) {
        uint64_t bits = special_bits_avx2(scan->bytes + i, nibbles, &all) |
                        special_bits_avx2(scan->bytes + i + LANE / 2, nibbles, &all) << LANE / 2;
        for (; bits != 0; bits &= bits - 1) {
            *mark++ = (uint32_t)i + (uint32_t)__builtin_ctzll(bits);
        }
    }
    scan->count = (size_t)(mark - scan->marks);
    scan->scanned = i;
    scan->ascii = scan->ascii && _mm256_movemask_epi8(all) == 0;
}
#endif

bool rsi_csv_scan_lanes(rsi_csv_scan *scan, rsi_csv_lanes lanes)
{
    bool there = lanes == RSI_CSV_BYTES;
#ifdef __SSE2__
    there = there || lanes == RSI_CSV_SSE2;
#endif
#ifdef HAVE_AVX2
    there =
        there || (lanes == RSI_CSV_AVX2 && __builtin_cpu_supports("avx2") &&
                  __builtin_cpu_supports("bmi") && fill_nibbles(scan->delimiter, scan->nibbles));
#endif
    scan->lanes = there ? lanes : scan->lanes;
    return there;
}

static void mark(rsi_csv_scan *scan, size_t end)
{
#ifdef HAVE_AVX2
    if (scan->lanes == RSI_CSV_AVX2) {
        mark_avx2(scan, end);
    }
#endif
#ifdef __SSE2__
    if (scan->lanes == RSI_CSV_SSE2) {
        mark_sse2(scan, end);
    }
#endif
    mark_slowly(scan, end); /* less than a lane is left, at the end of the piece */
}

/* Make sure that there is a next mark; false at the end of the piece. */
static bool refill(rsi_csv_scan *scan)
{
    while (scan->next == scan->count) {
        if (scan->scanned == scan->length) {
            return false;
        }
        size_t left = scan->length - scan->scanned;
        size_t end = scan->scanned + (left < WINDOW ? left : WINDOW);
        scan->next = 1;
        scan->count = 1;
        mark(scan, end);
    }
    return true;
}

static inline bool next_mark(rsi_csv_scan *scan, size_t *mark)
{
    if (scan->next == scan->count && !refill(scan)) {
        *mark = scan->length;
        return false;
    }
    *mark = scan->marks[scan->next++];
    return true;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static void complain(rsi_csv_record *record, const char *problem)
{
    if (record->problem == NULL) {
        record->problem = problem;
        record->problem_field = record->field_count;
    }
}

/* Copy bytes[from..to) with every pair of quotes made one. */
static bool undo_quotes(rsi_csv_scan *scan, size_t from, size_t to, rs_text *field)
{
    if (scan->undone_capacity < scan->length) {
        if (scan->undone_length > 0) {
            return false; /* not reached: the first use in a piece makes room for all of it */
        }
        char *grown = realloc(scan->undone, scan->length);
        if (grown == NULL) {
            return false;
        }
        scan->undone = grown;
        scan->undone_capacity = scan->length;
    }
    char *out = scan->undone + scan->undone_length;
    char *start = out;
    for (size_t i = from; i < to; i++) {
        *out++ = scan->bytes[i];
        i += scan->bytes[i] == '"'; /* the second of the pair */
    }
    *field = (rs_text){start, (size_t)(out - start)};
    scan->undone_length += field->length;
    return true;
}

/* A field that starts with a quote at `start`. *mark is left on the first special character behind
 * the closing quote. False when memory gave out. */
static bool quoted(rsi_csv_scan *scan, size_t start, rsi_csv_record *record, rs_text *field,
                   size_t *mark, bool *more)
{
    bool doubled = false;
    size_t close = scan->length;
    size_t at;
    (void)next_mark(scan, &at); /* the opening quote itself */
    while (next_mark(scan, &at)) {
        scan->lines += scan->bytes[at] == '\n';
        if (scan->bytes[at] != '"') {
            continue;
        }
        if (at + 1 < scan->length && scan->bytes[at + 1] == '"') {
            (void)next_mark(scan, &at);
            doubled = true;
            continue;
        }
        close = at;
        break;
    }
    *more = next_mark(scan, mark);
    if (close == scan->length) {
        complain(record, OPEN_QUOTE);
        record->unclosed = true;
    } else if (*mark != close + 1) {
        complain(record, AFTER_QUOTE);
    }
    if (doubled) {
        return undo_quotes(scan, start + 1, close, field);
    }
    *field = (rs_text){scan->bytes + start + 1, close - start - 1};
    return true;
}

/* From `mark` to the end of the field: a delimiter, the end of the line or of the piece. What is
 * passed on the way breaks the grammar. Returns where the field's text ends. */
static size_t field_end(rsi_csv_scan *scan, size_t *mark, bool *more, rsi_csv_record *record)
{
    while (*more) {
        char c = scan->bytes[*mark];
        if (c == scan->delimiter || c == '\n') {
            return *mark;
        }
        if (c == '\r' && *mark + 1 < scan->length && scan->bytes[*mark + 1] == '\n') {
            size_t end = *mark;
            *more = next_mark(scan, mark);
            return end;
        }
        complain(record, c == '"' ? STRAY_QUOTE : STRAY_CR);
        *more = next_mark(scan, mark);
    }
    return *mark;
}

/* The common case: fields without quotes that end at a delimiter whose mark is known already.
 * Leaves *start at the first field that is something else. Kept apart so that all it needs stays in
 * registers. */
static void plain_fields(rsi_csv_scan *scan, rsi_csv_record *record, size_t *start)
{
    const char *bytes = scan->bytes;
    const uint32_t *mark = scan->marks + scan->next;
    const uint32_t *end = scan->marks + scan->count;
    rs_text *field = scan->fields;
    rs_text *field_end = field + scan->capacity;
    size_t at = *start;
    for (; mark < end && field < field_end; mark++, field++) {
        size_t stop = *mark;
        if (bytes[stop] != scan->delimiter || bytes[at] == '"') {
            break;
        }
        *field = (rs_text){bytes + at, stop - at};
        at = stop + 1;
    }
    scan->next = (size_t)(mark - scan->marks);
    record->field_count = (size_t)(field - scan->fields);
    *start = at;
}

/* Any field; returns false at the end of the record or, with *no_memory, when memory gave out. */
static bool any_field(rsi_csv_scan *scan, rsi_csv_record *record, size_t *start, bool *no_memory)
{
    size_t mark;
    bool more;
    rs_text field;
    if (*start < scan->length && scan->bytes[*start] == '"') {
        if (!quoted(scan, *start, record, &field, &mark, &more)) {
            *no_memory = true;
            return false;
        }
        record->end = field_end(scan, &mark, &more, record);
    } else {
        more = next_mark(scan, &mark);
        record->end = field_end(scan, &mark, &more, record);
        field = (rs_text){scan->bytes + *start, record->end - *start};
    }
    if (record->field_count < scan->capacity) {
        scan->fields[record->field_count] = field;
    }
    record->field_count++;
    *start = mark + more;
    if (more && scan->bytes[mark] == scan->delimiter) {
        return true;
    }
    scan->lines += more;
    scan->at = *start;
    return false;
}

bool rsi_csv_scan_next(rsi_csv_scan *scan, rsi_csv_record *record, bool *no_memory)
{
    *no_memory = false;
    if (scan->at == scan->length) {
        return false;
    }
    size_t start = scan->at;
    record->start = start;
    record->fields = scan->fields;
    record->line = scan->lines;
    record->problem = NULL;
    record->unclosed = false;
    plain_fields(scan, record, &start);
    while (any_field(scan, record, &start, no_memory)) {
    }
    return !*no_memory;
}

/* ---- runs of plain records --------------------------------------------------------------------
 */

/* Whether the marks from `ends` on are those of one plain record: `last` delimiters, a CR where
 * `crlf`, and LF. Looks at few marks beyond the record's own, so that short records under a long
 * header cost what they should. */
static inline bool is_plain(const char *bytes, char delimiter, const uint32_t *ends, size_t last,
                            bool crlf)
{
    unsigned char other = 0;
    size_t i = 0;
    for (; i + 4 <= last && other == 0; i += 4) {
        other |=
            (unsigned char)((bytes[ends[i]] ^ delimiter) | (bytes[ends[i + 1]] ^ delimiter) |
                            (bytes[ends[i + 2]] ^ delimiter) | (bytes[ends[i + 3]] ^ delimiter));
    }
    for (; i < last && other == 0; i++) {
        other |= (unsigned char)(bytes[ends[i]] ^ delimiter);
    }
    if (crlf && (bytes[ends[last]] != '\r' || ends[last + 1] != ends[last] + 1)) {
        return false;
    }
    return other == 0 && bytes[ends[last + crlf]] == '\n';
}

rsi_csv_run rsi_csv_scan_run(rsi_csv_scan *scan, size_t field_count)
{
    rsi_csv_run run = {.field_count = field_count, .line = scan->lines};
    if (!refill(scan) || scan->count - scan->next <= field_count) {
        return run;
    }
    const char *bytes = scan->bytes;
    char delimiter = scan->delimiter;
    uint32_t *first = &scan->marks[scan->next];
    const uint32_t *at = first;
    bool crlf = bytes[first[field_count - 1]] == '\r';
    size_t stride = field_count + crlf;
    size_t most = (scan->count - scan->next) / stride;
    size_t count = 0;
    for (; count < most && is_plain(bytes, delimiter, at, field_count - 1, crlf); count++) {
        at += stride;
    }
    for (; count > 0 && scan->length - at[-1] <= RSI_CSV_PADDING; count--) {
        at -= stride;
    }
    if (count > 0) {
        run.count = count;
        run.stride = stride;
        run.ends = first;
        first[-1] = (uint32_t)scan->at - 1;
        scan->next += count * stride;
        scan->lines += count;
        scan->at = (size_t)at[-1] + 1;
    }
    return run;
}

void rsi_csv_scan_first(rsi_csv_scan *scan, const rsi_csv_run *run, rsi_csv_record *record)
{
    const uint32_t *ends = run->ends;
    uint32_t start = ends[-1] + 1;
    *record = (rsi_csv_record){.start = start,
                               .end = ends[run->field_count - 1],
                               .field_count = run->field_count,
                               .fields = scan->fields,
                               .line = run->line};
    for (size_t i = 0; i < run->field_count && i < scan->capacity; i++) {
        scan->fields[i] = (rs_text){scan->bytes + start, ends[i] - start};
        start = ends[i] + 1;
    }
}

/* ---- where records end ------------------------------------------------------------------------
 */

/* Offset behind the last LF of bytes[from..to), or `none`. */
static size_t behind_last_line(const char *bytes, size_t from, size_t to, size_t none)
{
    const char *lf = to > from ? memrchr(bytes + from, '\n', to - from) : NULL;
    return lf == NULL ? none : (size_t)(lf - bytes) + 1;
}

/* Offset of the quote that closes the field opened at `open`; `length` where it does not close for
 * certain (the last byte could be the first of a pair). */
static size_t closing_quote(const char *bytes, size_t length, size_t open)
{
    size_t at = open + 1;
    while (at < length) {
        const char *quote = memchr(bytes + at, '"', length - at);
        if (quote == NULL || (size_t)(quote - bytes) + 1 == length) {
            return length;
        }
        at = (size_t)(quote - bytes);
        if (bytes[at + 1] != '"') {
            return at;
        }
        at += 2;
    }
    return length;
}

size_t rsi_csv_whole(const char *bytes, size_t length, char delimiter)
{
    size_t whole = 0;
    size_t at = 0; /* outside quotes here */
    while (at < length) {
        const char *quote = memchr(bytes + at, '"', length - at);
        if (quote == NULL) {
            break;
        }
        size_t open = (size_t)(quote - bytes);
        bool opens = open == 0 || bytes[open - 1] == delimiter || bytes[open - 1] == '\n';
        whole = behind_last_line(bytes, at, open, whole);
        if (!opens) {
            at = open + 1;
            continue;
        }
        at = closing_quote(bytes, length, open);
        if (at == length) {
            return whole;
        }
        at++;
    }
    return behind_last_line(bytes, at, length, whole);
}
