"""The kinds of arguments that the operators expect, so that random arguments are often valid."""

from __future__ import annotations

# Operators with named arguments: the names, each with the kind of its value. A kind is the name of a field of the documents, whose values
# have this kind, or one of `e` any expression, `u` a unit of time, `z` a time zone, `f` a format, `v` a variable's name, `t` a type's
# name, `t1` a bool, `b` a sort, `c` a small number, `l` a list, `w` branches, `p` variables, `q` a method, `P` percentiles, `r` a regular
# expression, `y` a day of the week.
NAMED = {
    "$filter": "input:a as:v cond:e limit:c",
    "$map": "input:a as:v in:e",
    "$reduce": "input:a initialValue:e in:e",
    "$firstN": "n:c input:a",
    "$lastN": "n:c input:a",
    "$minN": "n:c input:a",
    "$maxN": "n:c input:a",
    "$sortArray": "input:a sortBy:b",
    "$zip": "inputs:l useLongestLength:t1 defaults:l",
    "$cond": "if:e then:e else:e",
    "$switch": "branches:w default:e",
    "$dateAdd": "startDate:d unit:u amount:n timezone:z",
    "$dateSubtract": "startDate:d unit:u amount:n timezone:z",
    "$dateDiff": "startDate:d endDate:d unit:u timezone:z startOfWeek:y",
    "$dateFromParts": "year:n month:n day:n hour:n minute:n second:n millisecond:n timezone:z",
    "$dateFromString": "dateString:s format:f timezone:z onError:e onNull:e",
    "$dateToParts": "date:d timezone:z iso8601:t1",
    "$dateToString": "date:d format:f timezone:z onNull:e",
    "$dateTrunc": "date:d unit:u binSize:n timezone:z startOfWeek:y",
    "$getField": "field:s input:o",
    "$setField": "field:s input:o value:e",
    "$unsetField": "field:s input:o",
    "$regexMatch": "input:s regex:r options:s",
    "$regexFind": "input:s regex:r",
    "$regexFindAll": "input:s regex:r options:s",
    "$replaceOne": "input:s find:s replacement:s",
    "$replaceAll": "input:s find:s replacement:s",
    "$trim": "input:s chars:s",
    "$ltrim": "input:s chars:s",
    "$rtrim": "input:s chars:s",
    "$convert": "input:e to:t onError:e onNull:e format:f base:n byteOrder:s",
    "$let": "vars:p in:e",
    "$median": "input:a method:q",
    "$percentile": "input:a p:P method:q",
    "$top": "sortBy:b output:e",
    "$bottom": "sortBy:b output:e",
    "$topN": "n:c sortBy:b output:e",
    "$bottomN": "n:c sortBy:b output:e",
    "$sigmoid": "input:n onNull:e",
    "$year": "date:d timezone:z",
    "$month": "date:d timezone:z",
    "$dayOfMonth": "date:d timezone:z",
    "$hour": "date:d timezone:z",
    "$week": "date:d timezone:z",
    "$isoWeek": "date:d timezone:z",
    "$dayOfWeek": "date:d timezone:z",
    "$dayOfYear": "date:d timezone:z",
    "$covariancePop": "x:n y:n",
    "$derivative": "input:n unit:u",
    "$integral": "input:n unit:u",
    "$expMovingAvg": "input:n N:c alpha:n",
    "$shift": "output:e by:c default:e",
    "$minMaxScaler": "input:n min:n max:n",
    "$accumulator": "init:s accumulate:s accumulateArgs:l merge:s lang:s",
    "$function": "body:s args:l lang:s",
}
# The kinds of the other operators' arguments, in order; the last kind also applies to all further arguments.
KINDS: dict[str, str] = {}
for kinds, names in {
    "a": (
        "$size $reverseArray $concatArrays $first $last $anyElementTrue $allElementsTrue $setUnion $setIntersection "
        "$setDifference $setIsSubset $setEquals"
    ),
    "an": "$arrayElemAt $slice",
    "ea": "$in",
    "ae": "$indexOfArray",
    "m": "$arrayToObject",
    "o": "$objectToArray $mergeObjects $bsonSize",
    "s": "$concat $strLenBytes $strLenCP $toUpper $toLower $strcasecmp $split $binarySize",
    "ssnn": "$indexOfBytes $indexOfCP",
    "snn": "$substr $substrBytes $substrCP",
    "d": "$millisecond $minute $second $isoDayOfWeek $isoWeekYear",
    "e": "$eq $ne $gt $gte $lt $lte $cmp $and $or $not $ifNull $literal $const $type $isNumber $isArray $toString",
    "t": "$tsSecond $tsIncrement",
}.items():
    KINDS.update(dict.fromkeys(names.split(), kinds))
