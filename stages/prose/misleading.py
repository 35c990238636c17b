"""Words whose first sense in WordNet misleads, and words of WordNet's that nobody says for others."""

from stages.prose.lexicon import listed

# First senses that mislead, or that hold of a use that prose has least. They stay as they are.
KEPT = {
    "NOUN": listed(
        "questioner proceeding sermon subway trunks potato oilskin clergyman soot praise effort physique "
        "insistence grandmother layman constellation water moon sun foot inch evening yard none thanks means "
        "instance minute quarter chair mouth throat neck nose ear arm leg knee chest tooth bone copy mathematics "
        "confinement ladder watch wound second noon sunset sundown sunrise midnight dawn daybreak dusk twilight "
        "dust boat weed candle fathom chain oriel spindrift setup mill carriage tallow stove rag oar oars dresser "
        "bar spark solitude league knot kale pea anchor tumbler gripe better trough clock pendulum barometer "
        "pencil pen pane strand oats tank colza cousin housewife speck heap wit spoke objection chisel cab rudder "
        "shell calf bead stool jelly kirk painter deacon swearing mote certificate exertion measure sharpness "
        "breadth astronomy copper mercury scarecrow bridegroom drain grocery coals lip jaw monster stranger "
        "gallery roof height gate flesh limb altar iron skull oak treasure wine coffin telescope railway accident "
        "curse century generation absence newcomer arrival rowing successor seaward wake range emigrant sweep "
        "trouser headache sack blade blades philosopher slice jewel pear grating romance mangle swallow winter "
        "season virtue ferrule spring springs library afternoon ram lintel threshold druggist mate statue "
        "material machinery globe prey board band date firm marine peasant lack thunder whisper crude fraction "
        "cud receiver manifestation mustiness whine sake crystal curb herbage alligator lens radius livestock "
        "saint pa leap posse ugliness lodger complexion drift trader attraction coach inclination whim landslide "
        "exhaustion cradle bowels sequence asset counsel wretch caricature extract salon waste aqua console bribe "
        "skunk monstrosity design gutter flutter stripe frost mast drover mineral lodging verse porridge "
        "temptation railing distrust assurance blot splinter thumb perplexity hearth nursery cement eyesight "
        "bitterness pennant tap coop nightshirt governor stealth widow consulate timepiece byre regard belfry "
        "schoolroom brig barque plateau ridge"
    ),
    "VERB": listed(
        "wing abut console pity vomit tower taunt nerve flinch be have do can must may shall will let use dare "
        "ought think wear find found memorize watch view wind wound bury bear endure tear strain sail learn fall "
        "seem appear rise crack fracture crush lock choose catch spark thread lean launch jam prop promote gripe "
        "complain drown deprive moor shore back handle steer signal certify fathom tap wake conn spy snarl pitch "
        "symbolize cringe glean squirm camp curve cherish grapple surmount blame mystify sway obscure glut "
        "bespeak entomb tend incline assure motion shave steel couple fulfill cite tick polish weary"
    ),
    "ADJ": listed(
        "sooty sunny trite prosy undersea airy salient resultant gay fair fine near vain fancy colored coloured "
        "native early full dear equal tall narrow impossible plain swollen idle costly vagrant tireless marine "
        "eccentric needful immediate prime contrary objective firm unbelievable rudimentary unnameable transverse "
        "confidential winged fond diligent preferable stray psychological widespread haggard timeworn husky "
        "skittish terrific strict"
    ),
    "ADV": listed("easily properly fully directly highly surely truly absolutely perfectly clearly"),
}
# Broader words that say next to nothing, or something else, for what they would stand for.
TOUCHED = frozenset(f"noun.{field}" for field in sorted(listed("animal artifact food object person plant substance")))
EMPTY = listed(
    "entity thing object whole unit artifact artefact structure construction part piece being organism person "
    "individual attribute property quality abstraction relation state condition status action activity act "
    "event happening process group collection change travel move go be have make get do communicate "
    "vertebrate mammal equipment device instrumentality instrument container covering way adult male female "
    "worker unfortunate creator statement message content speech sound extent level stage point amount "
    "measure quantity time period cut parts region material matter substance product organ body feature "
    "member division section form compound mixture natural medium space location expert professional relative "
    "lands things units groups creation facility consumer recipient instrumentation thinker unskilled actor "
    "communicator traveler traveller contestant organisation organization plane line"
)
# Usual words that WordNet has for a meaning that nobody thinks of first, or that one doesn't say.
WRONG = listed(
    "con gas fuck screw flip billy dough tough simple august hand even hot cold hit blow pass note point kill "
    "fell despite dealer recreation doughs kick high mean sack bear down sound right well still like okay ok "
    "cop drop brush out-and-out out due given suit swimming walking trees works spinning plastic external "
    "large opposite fairness nationals tunic twins fish liked gear gears congregation congregations going "
    "combat imagination jolly dead super passing course whole all min in as pretty short needs industry clean "
    "gentle existence project run run-in stand standing leave take get set go play"
)
