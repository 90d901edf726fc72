package atlas

import "strings"

// regions are countries by where they lie, in the regions of RSSAC047 (those of the
// column region).
var regions = map[string]string{
	"africa": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
	"asia_pacific": "AE AF AM AS AU AZ BD BH BN BT CC CK CN CX FJ FM GE GU HK ID IL IN IO IQ IR JO JP KG KH KI KP KR KW KZ LA LB LK MH MM MN MO MP MV MY NC NF NP NR NU NZ OM PF PG PH PK PN PS PW " +
		"QA SA SB SG SY TH TJ TK TL TM TO TR TV TW UZ VN VU WF WS YE",
	"europe":        "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
	"latin_america": "AG AI AR AW BB BL BO BQ BR BS BZ CL CO CR CU CW DM DO EC FK GD GF GP GT GY HN HT JM KN KY LC MF MQ MS MX NI PA PE PR PY SR SV SX TC TT UY VC VE VG VI",
	"north_america": "BM CA GL PM US",
}

// regionOf is the region of a country; empty where it is in none (Antarctica, and what is no country).
func regionOf(country string) string {
	for region, all := range regions {
		if strings.Contains(" "+all+" ", " "+country+" ") {
			return region
		}
	}
	return ""
}
