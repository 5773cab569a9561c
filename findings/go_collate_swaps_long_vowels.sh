#!/bin/bash
# golang.org/x/text/collate v0.44.0 swaps two letters in Japanese: at a long vowel mark ("ー") it compares the vowel first and the letter in front of
# the mark second. The key of "カー" (kā) is that of "アカ" (a, ka) instead of "カア" (ka, a). So "サーバー" (server), "データ" (data) and "コーヒー" (coffee)
# do not sort among the words with sa, de and ko, but among those with a, e and o. A list that Go has sorted is out of order for
# MongoDB, and a binary search or a merge of the two misses words. No error is shown. Without a tailoring (language "und"), the words keep their places.
#
# JIS X 4061 and the rules of the CLDR for Japanese, from which the package's tables are made, compare the mark as the vowel of the letter in front
# of it, at its own place. ICU does so, here as Intl.Collator of Node; MongoDB uses ICU for its collations.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cat > go.mod <<'MOD'
module words

go 1.26.0

require golang.org/x/text v0.44.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

func main() {
	words := "かさ サーバー いぬ コーヒー さくら データ すし ビール たこ てがみ あめ こえ"
	for _, tag := range []string{"ja", "und"} {
		sorted := strings.Fields(words)
		collate.New(language.MustParse(tag)).SortStrings(sorted)
		fmt.Printf("Go %s: %s\n", tag, strings.Join(sorted, " "))
	}
	collator := collate.New(language.Japanese)
	var buffer collate.Buffer
	for _, text := range []string{"カー", "カア", "アカ"} {
		fmt.Printf("key of %s: %x...\n", text, collator.KeyFromString(&buffer, text)[:4])
	}
}
GO
cat > words.js <<'JS'
const words = "かさ サーバー いぬ コーヒー さくら データ すし ビール たこ てがみ あめ こえ";
console.log(`ICU ja: ${words.split(" ").sort(new Intl.Collator("ja").compare).join(" ")}`);
JS
{
    GOFLAGS=-mod=mod go run .
    node words.js
} 2> errors > printed || { cat errors; exit 1; }
cat printed
diff printed - <<'EXPECTED'
Go ja: サーバー あめ いぬ ビール データ コーヒー かさ こえ さくら すし たこ てがみ
Go und: あめ いぬ かさ コーヒー こえ サーバー さくら すし たこ データ てがみ ビール
key of カー: 32bb32c1...
key of カア: 32c132bb...
key of アカ: 32bb32c1...
ICU ja: あめ いぬ かさ こえ コーヒー サーバー さくら すし たこ データ てがみ ビール
EXPECTED
