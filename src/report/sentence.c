/* sentence.c - a reason in words: "14 of 17 accounts share 2 devices".
 *
 * A table of templates by the kind's prefix; a kind that has none reads as its own name, so that
 * adding a kind of evidence needs no line here. Nouns are the names that the mapping gives to
 * types.
 *
 *     %M  "14 of 17 accounts", "all 17 accounts"
 *     %T  "2 devices", "1 device"                    %c  "2"        %t  "devices"
 *     %K  the kind in words
 *     %{one|many}   the first where it is about one member, else the second
 *     %[one|many]   the first where it is about one thing, else the second
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "report/report.h"

static const struct template
{
    const char *prefix;
    const char *text;
}
templates[] = {
    {"shared_", "%M %{shares|share} %T"},
    {"same_time_", "%M used %T at the same time"},
    {"lockstep", "%M are tied by acting on the same targets within minutes of each other: %c "
                 "%[target|targets]"},
    {"co_action",
     "%M are tied by acting on the same targets that few others act on: %c %[target|targets]"},
    {"relay", "%M are on ways on which money is passed on within days, nearly whole, to %c "
              "%[account|accounts]"},
    {"burst", "%M are tied by payments again and again within a short while, to %c "
              "%[account|accounts]"},
    {"fan_in", "%M are tied by paying %c %[account|accounts] and nobody else"},
    {"bust_out",
     "%M are tied by doing more than ever at the same time, after they came to share %T"},
    {"content", "%M are tied by posting the same %t, or nearly the same: %c"},
    {"cycle", "%M sent money round that came back within days, nearly whole"},
    {"identity", "%M %{is|are} tied by %c verified %t"},
    {"known_members", "%M %{is|are} on the blacklist"},
    {"known_things", "%M %{uses|use} %T that %[is|are] on the blacklist"},
};

/* The words that a template may speak of. */
typedef struct wording {
    rs_text member; /* a type, in the singular; length 0: of several types */
    rs_text thing;
    rs_text kind;
    uint64_t members;
    uint64_t all;
    uint64_t things;
} wording;

static bool ends_with(rs_text word, const char *end)
{
    size_t length = strlen(end);
    return word.length >= length && memcmp(word.bytes + word.length - length, end, length) == 0;
}

static bool is_vowel(char letter)
{
    return strchr("aeiou", letter) != NULL;
}

/* `word` with its underscores as blanks. */
static void put_words(rsi_out *out, rs_text word)
{
    for (size_t at = 0; at < word.length;) {
        const char *bar = memchr(word.bytes + at, '_', word.length - at);
        size_t end = bar != NULL ? (size_t)(bar - word.bytes) : word.length;
        rsi_out_json_part(out, (rs_text){word.bytes + at, end - at});
        rsi_out_string(out, bar != NULL ? " " : "");
        at = end + (bar != NULL);
    }
}

static void put_noun(rsi_out *out, rs_text noun, const char *otherwise, uint64_t count)
{
    if (noun.length == 0) {
        noun = (rs_text){otherwise, strlen(otherwise)};
    }
    char last = noun.bytes[noun.length - 1];
    bool english = (last >= 'a' && last <= 'z') || (last >= 'A' && last <= 'Z');
    if (count == 1 || !english) {
        put_words(out, noun);
    } else if (noun.length > 1 && last == 'y' && !is_vowel(noun.bytes[noun.length - 2])) {
        put_words(out, (rs_text){noun.bytes, noun.length - 1});
        rsi_out_string(out, "ies");
    } else {
        bool hisses = last == 's' || last == 'x' || last == 'z' || ends_with(noun, "ch") ||
                      ends_with(noun, "sh");
        put_words(out, noun);
        rsi_out_string(out, hisses ? "es" : "s");
    }
}

static void put_counted(rsi_out *out, uint64_t count, rs_text noun, const char *otherwise)
{
    rsi_out_count(out, count);
    rsi_out_string(out, " ");
    put_noun(out, noun, otherwise, count);
}

static void put_members(rsi_out *out, const wording *words)
{
    if (words->members == words->all) {
        rsi_out_string(out, "all ");
    } else {
        rsi_out_count(out, words->members);
        rsi_out_string(out, " of ");
    }
    put_counted(out, words->all, words->member, "member");
}

/* "one|many}" at `at`: puts one of the two, returns what follows the closing mark. */
static const char *put_choice(rsi_out *out, const char *at, bool one, char close)
{
    const char *bar = strchr(at, '|');
    const char *end = strchr(bar, close);
    rsi_out_bytes(out, one ? at : bar + 1, one ? (size_t)(bar - at) : (size_t)(end - bar - 1));
    return end + 1;
}

static const char *put_part(rsi_out *out, const char *at, const wording *words)
{
    switch (*at) {
    case 'M':
        put_members(out, words);
        break;
    case 'T':
        put_counted(out, words->things, words->thing, "thing");
        break;
    case 'c':
        rsi_out_count(out, words->things);
        break;
    case 't':
        put_noun(out, words->thing, "thing", words->things);
        break;
    case 'K':
        put_words(out, words->kind);
        break;
    case '{':
        return put_choice(out, at + 1, words->members == 1, '}');
    default:
        return put_choice(out, at + 1, words->things == 1, ']');
    }
    return at + 1;
}

static void put_template(rsi_out *out, const char *text, const wording *words)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "%");
        rsi_out_bytes(out, text, plain);
        text += plain;
        if (*text == '%') {
            text = put_part(out, text + 1, words);
        }
    }
}

static rs_text text_of(const char *string)
{
    return (rs_text){string, strlen(string)};
}

/* The type of all members, or nothing. */
static rs_text member_type(const rsi_source *source, const rs_ring *ring)
{
    const rs_ring_member *members = source->findings->members + ring->member_first;
    if (ring->member_count == 0) {
        return (rs_text){"", 0};
    }
    rs_node_range range = rs_graph_range_of(source->graph, members[0].node);
    for (size_t i = 1; i < ring->member_count; i++) {
        if (members[i].node - range.first >= range.count) {
            return (rs_text){"", 0};
        }
    }
    return text_of(range.type);
}

/* The type of all things behind a reason, or nothing. */
static rs_text thing_type(const rsi_source *source, const rs_reason *reason)
{
    const rs_fact *facts = source->findings->facts + reason->fact_first;
    if (reason->fact_count == 0 || facts[0].thing == RS_NO_NODE) {
        return (rs_text){"", 0};
    }
    rs_node_range range = rs_graph_range_of(source->graph, facts[0].thing);
    for (size_t i = 1; i < reason->fact_count; i++) {
        if (facts[i].thing - range.first >= range.count) {
            return (rs_text){"", 0};
        }
    }
    return text_of(range.type);
}

void rsi_write_sentence(rsi_out *out, const rsi_source *source, const rs_ring *ring,
                        const rs_reason *reason)
{
    wording words = {.member = member_type(source, ring),
                     .thing = thing_type(source, reason),
                     .kind = text_of(reason->kind),
                     .members = reason->member_count,
                     .all = ring->member_count,
                     .things = reason->thing_count};
    const char *text = reason->thing_count > 0 ? "%M: %K (%T)" : "%M: %K";
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        size_t length = strlen(templates[i].prefix);
        if (strncmp(reason->kind, templates[i].prefix, length) == 0) {
            text = templates[i].text;
            break;
        }
    }
    rsi_out_string(out, "\"");
    put_template(out, text, &words);
    rsi_out_string(out, "\"");
}
