/**
 * The names of emoji, made by `make docs`; loaded when one is searched.
 */
export const TABLE = `
#️⃣ keycap #|hash
*️⃣ keycap *|asterisk
0️⃣ keycap 0|zero
1️⃣ keycap 1|one
2️⃣ keycap 2|two
3️⃣ keycap 3|three
4️⃣ keycap 4|four
5️⃣ keycap 5|five
6️⃣ keycap 6|six
7️⃣ keycap 7|seven
8️⃣ keycap 8|eight
9️⃣ keycap 9|nine
©️ copyright
®️ registered
‼️ double exclamation mark|bangbang
⁉️ exclamation question mark|interrobang
™️ trade mark|tm
ℹ️ information|information source
↔️ left-right arrow|left right arrow
↕️ up-down arrow|arrow up down|up down arrow
↖️ up-left arrow|arrow upper left|up left arrow
↗️ up-right arrow|arrow upper right|up right arrow
↘️ down-right arrow|arrow lower right|down right arrow
↙️ down-left arrow|arrow lower left|down left arrow
↩️ right arrow curving left|leftwards arrow with hook
↪️ left arrow curving right|arrow right hook
⌚ watch
⌛ hourglass done|hourglass
⌨️ keyboard
⏏️ eject button|eject symbol
⏩ fast-forward button|fast forward|fast forward button
⏪ fast reverse button|rewind
⏫ fast up button|arrow double up
⏬ fast down button|arrow double down
⏭️ next track button|black right pointing double triangle with vertical bar
⏮️ last track button|previous track button|black left pointing double triangle with vertical bar
⏯️ play or pause button|black right pointing triangle with double vertical bar
⏰ alarm clock
⏱️ stopwatch
⏲️ timer clock
⏳ hourglass not done|hourglass flowing sand
⏸️ pause button|double vertical bar
⏹️ stop button|black square for stop
⏺️ record button|black circle for record
Ⓜ️ circled m|m
▪️ black small square
▫️ white small square
▶️ play button|arrow forward
◀️ reverse button|arrow backward
◻️ white medium square
◼️ black medium square
◽ white medium-small square|white medium small square
◾ black medium-small square|black medium small square
☀️ sun|sunny
☁️ cloud
☂️ umbrella|open umbrella
☃️ snowman|snowman with snow
☄️ comet
☎️ telephone|phone
☑️ check box with check|ballot box with check
☔ umbrella with rain drops|umbrella
☕ hot beverage|coffee
☘️ shamrock
☝️ index pointing up|point up
☠️ skull and crossbones
☢️ radioactive|radioactive sign
☣️ biohazard|biohazard sign
☦️ orthodox cross
☪️ star and crescent
☮️ peace symbol
☯️ yin yang
☸️ wheel of dharma
☹️ frowning face|white frowning face
☺️ smiling face|relaxed
♀️ female sign
♂️ male sign
♈ aries
♉ taurus
♊ gemini
♋ cancer
♌ leo
♍ virgo
♎ libra
♏ scorpio|scorpius
♐ sagittarius
♑ capricorn
♒ aquarius
♓ pisces
♟️ chess pawn
♠️ spade suit|spades
♣️ club suit|clubs
♥️ heart suit|hearts
♦️ diamond suit|diamonds
♨️ hot springs|hotsprings
♻️ recycling symbol|recycle
♾️ infinity
♿ wheelchair symbol|wheelchair
⚒️ hammer and pick
⚓ anchor
⚔️ crossed swords
⚕️ medical symbol
⚖️ balance scale|scales
⚗️ alembic
⚙️ gear
⚛️ atom symbol
⚜️ fleur-de-lis|fleur de lis
⚠️ warning
⚡ high voltage|zap
⚧️ transgender symbol
⚪ white circle
⚫ black circle
⚰️ coffin
⚱️ funeral urn
⚽ soccer ball|soccer
⚾ baseball
⛄ snowman without snow|snowman
⛅ sun behind cloud|partly sunny
⛈️ cloud with lightning and rain|thunder cloud and rain
⛎ ophiuchus
⛏️ pick
⛑️ rescue worker’s helmet|helmet with white cross|rescue worker helmet|rescue workers helmet
⛓️ chains
⛓️‍💥 broken chain
⛔ no entry
⛩️ shinto shrine
⛪ church
⛰️ mountain
⛱️ umbrella on ground|parasol on ground
⛲ fountain
⛳ flag in hole|golf
⛴️ ferry
⛵ sailboat|boat
⛷️ skier
⛸️ ice skate
⛹️ person bouncing ball|bouncing ball person|person with ball
⛹️‍♀️ woman bouncing ball|basketball woman|bouncing ball woman
⛹️‍♂️ man bouncing ball|basketball man|bouncing ball man
⛺ tent
⛽ fuel pump|fuelpump
✂️ scissors
✅ check mark button|white check mark
✈️ airplane
✉️ envelope
✊ raised fist|fist|fist raised
✋ raised hand|hand
✌️ victory hand|v
✍️ writing hand
✏️ pencil|pencil2
✒️ black nib
✔️ check mark|heavy check mark
✖️ multiply|heavy multiplication x
✝️ latin cross
✡️ star of david
✨ sparkles
✳️ eight-spoked asterisk|eight spoked asterisk
✴️ eight-pointed star|eight pointed black star|eight pointed star
❄️ snowflake
❇️ sparkle
❌ cross mark|x
❎ cross mark button|negative squared cross mark
❓ red question mark|question
❔ white question mark|grey question
❕ white exclamation mark|grey exclamation
❗ red exclamation mark|heavy exclamation mark|exclamation
❣️ heart exclamation|heavy heart exclamation|heavy heart exclamation mark ornament
❤️ red heart|heart
❤️‍🔥 heart on fire
❤️‍🩹 mending heart
➕ plus|heavy plus sign
➖ minus|heavy minus sign
➗ divide|heavy division sign
➡️ right arrow|arrow right
➰ curly loop
➿ double curly loop|loop
⤴️ right arrow curving up|arrow heading up
⤵️ right arrow curving down|arrow heading down
⬅️ left arrow|arrow left
⬆️ up arrow|arrow up
⬇️ down arrow|arrow down
⬛ black large square
⬜ white large square
⭐ star
⭕ hollow red circle|o
〰️ wavy dash
〽️ part alternation mark
㊗️ japanese congratulations button|congratulations
㊙️ japanese secret button|secret
🀄 mahjong red dragon|mahjong
🃏 joker|black joker
🅰️ a button (blood type)|a|a button blood type
🅱️ b button (blood type)|b|b button blood type
🅾️ o button (blood type)|o2|o button blood type
🅿️ p button|parking
🆎 ab button (blood type)|ab|ab button blood type
🆑 cl button|cl
🆒 cool button|cool
🆓 free button|free
🆔 id button|id
🆕 new button|new
🆖 ng button|ng
🆗 ok button|ok
🆘 sos button|sos
🆙 up! button|up|up button
🆚 vs button|vs
🇦🇨 ascension island|flag for ascension island
🇦🇩 andorra|flag for andorra
🇦🇪 united arab emirates|flag for united arab emirates
🇦🇫 afghanistan|flag for afghanistan
🇦🇬 antigua & barbuda|flag for antigua & barbuda|antigua barbuda
🇦🇮 anguilla|flag for anguilla
🇦🇱 albania|flag for albania
🇦🇲 armenia|flag for armenia
🇦🇴 angola|flag for angola
🇦🇶 antarctica|flag for antarctica
🇦🇷 argentina|flag for argentina
🇦🇸 american samoa|flag for american samoa
🇦🇹 austria|flag for austria
🇦🇺 australia|flag for australia
🇦🇼 aruba|flag for aruba
🇦🇽 åland islands|flag for åland islands|aland islands
🇦🇿 azerbaijan|flag for azerbaijan
🇧🇦 bosnia & herzegovina|flag for bosnia & herzegovina|bosnia herzegovina
🇧🇧 barbados|flag for barbados
🇧🇩 bangladesh|flag for bangladesh
🇧🇪 belgium|flag for belgium
🇧🇫 burkina faso|flag for burkina faso
🇧🇬 bulgaria|flag for bulgaria
🇧🇭 bahrain|flag for bahrain
🇧🇮 burundi|flag for burundi
🇧🇯 benin|flag for benin
🇧🇱 st. barthélemy|flag for st. barthélemy|st barthelemy
🇧🇲 bermuda|flag for bermuda
🇧🇳 brunei|flag for brunei
🇧🇴 bolivia|flag for bolivia
🇧🇶 caribbean netherlands|flag for caribbean netherlands
🇧🇷 brazil|flag for brazil
🇧🇸 bahamas|flag for bahamas
🇧🇹 bhutan|flag for bhutan
🇧🇻 bouvet island|flag for bouvet island
🇧🇼 botswana|flag for botswana
🇧🇾 belarus|flag for belarus
🇧🇿 belize|flag for belize
🇨🇦 canada|flag for canada
🇨🇨 cocos (keeling) islands|flag for cocos islands|cocos islands
🇨🇩 congo-kinshasa|flag for congo kinshasa|congo kinshasa
🇨🇫 central african republic|flag for central african republic
🇨🇬 congo-brazzaville|flag for congo brazzaville|congo brazzaville
🇨🇭 switzerland|flag for switzerland
🇨🇮 côte d’ivoire|flag for côte d’ivoire|cote divoire
🇨🇰 cook islands|flag for cook islands
🇨🇱 chile|flag for chile
🇨🇲 cameroon|flag for cameroon
🇨🇳 china|flag for china|cn
🇨🇴 colombia|flag for colombia
🇨🇵 clipperton island|flag for clipperton island
🇨🇶 sark|flag for sark
🇨🇷 costa rica|flag for costa rica
🇨🇺 cuba|flag for cuba
🇨🇻 cape verde|flag for cape verde
🇨🇼 curaçao|flag for curaçao|curacao
🇨🇽 christmas island|flag for christmas island
🇨🇾 cyprus|flag for cyprus
🇨🇿 czechia|flag for czech republic|czech republic
🇩🇪 germany|flag for germany|de
🇩🇬 diego garcia|flag for diego garcia
🇩🇯 djibouti|flag for djibouti
🇩🇰 denmark|flag for denmark
🇩🇲 dominica|flag for dominica
🇩🇴 dominican republic|flag for dominican republic
🇩🇿 algeria|flag for algeria
🇪🇦 ceuta & melilla|flag for ceuta & melilla|ceuta melilla
🇪🇨 ecuador|flag for ecuador
🇪🇪 estonia|flag for estonia
🇪🇬 egypt|flag for egypt
🇪🇭 western sahara|flag for western sahara
🇪🇷 eritrea|flag for eritrea
🇪🇸 spain|flag for spain|es
🇪🇹 ethiopia|flag for ethiopia
🇪🇺 european union|flag for european union|eu
🇫🇮 finland|flag for finland
🇫🇯 fiji|flag for fiji
🇫🇰 falkland islands|flag for falkland islands
🇫🇲 micronesia|flag for micronesia
🇫🇴 faroe islands|flag for faroe islands
🇫🇷 france|flag for france|fr
🇬🇦 gabon|flag for gabon
🇬🇧 united kingdom|flag for united kingdom|gb|uk
🇬🇩 grenada|flag for grenada
🇬🇪 georgia|flag for georgia
🇬🇫 french guiana|flag for french guiana
🇬🇬 guernsey|flag for guernsey
🇬🇭 ghana|flag for ghana
🇬🇮 gibraltar|flag for gibraltar
🇬🇱 greenland|flag for greenland
🇬🇲 gambia|flag for gambia
🇬🇳 guinea|flag for guinea
🇬🇵 guadeloupe|flag for guadeloupe
🇬🇶 equatorial guinea|flag for equatorial guinea
🇬🇷 greece|flag for greece
🇬🇸 south georgia & south sandwich islands|flag for south georgia & south sandwich islands|south georgia south sandwich islands
🇬🇹 guatemala|flag for guatemala
🇬🇺 guam|flag for guam
🇬🇼 guinea-bissau|flag for guinea bissau|guinea bissau
🇬🇾 guyana|flag for guyana
🇭🇰 hong kong sar china|flag for hong kong|hong kong
🇭🇲 heard island & mcdonald islands|flag for heard & mcdonald islands|heard mcdonald islands
🇭🇳 honduras|flag for honduras
🇭🇷 croatia|flag for croatia
🇭🇹 haiti|flag for haiti
🇭🇺 hungary|flag for hungary
🇮🇨 canary islands|flag for canary islands
🇮🇩 indonesia|flag for indonesia
🇮🇪 ireland|flag for ireland
🇮🇱 israel|flag for israel
🇮🇲 isle of man|flag for isle of man
🇮🇳 india|flag for india
🇮🇴 british indian ocean territory|flag for british indian ocean territory
🇮🇶 iraq|flag for iraq
🇮🇷 iran|flag for iran
🇮🇸 iceland|flag for iceland
🇮🇹 italy|flag for italy|it
🇯🇪 jersey|flag for jersey
🇯🇲 jamaica|flag for jamaica
🇯🇴 jordan|flag for jordan
🇯🇵 japan|flag for japan|jp
🇰🇪 kenya|flag for kenya
🇰🇬 kyrgyzstan|flag for kyrgyzstan
🇰🇭 cambodia|flag for cambodia
🇰🇮 kiribati|flag for kiribati
🇰🇲 comoros|flag for comoros
🇰🇳 st. kitts & nevis|flag for st. kitts & nevis|st kitts nevis
🇰🇵 north korea|flag for north korea
🇰🇷 south korea|flag for south korea|kr
🇰🇼 kuwait|flag for kuwait
🇰🇾 cayman islands|flag for cayman islands
🇰🇿 kazakhstan|flag for kazakhstan
🇱🇦 laos|flag for laos
🇱🇧 lebanon|flag for lebanon
🇱🇨 st. lucia|flag for st. lucia|st lucia
🇱🇮 liechtenstein|flag for liechtenstein
🇱🇰 sri lanka|flag for sri lanka
🇱🇷 liberia|flag for liberia
🇱🇸 lesotho|flag for lesotho
🇱🇹 lithuania|flag for lithuania
🇱🇺 luxembourg|flag for luxembourg
🇱🇻 latvia|flag for latvia
🇱🇾 libya|flag for libya
🇲🇦 morocco|flag for morocco
🇲🇨 monaco|flag for monaco
🇲🇩 moldova|flag for moldova
🇲🇪 montenegro|flag for montenegro
🇲🇫 st. martin|flag for st. martin|st martin
🇲🇬 madagascar|flag for madagascar
🇲🇭 marshall islands|flag for marshall islands
🇲🇰 north macedonia|flag for macedonia|macedonia
🇲🇱 mali|flag for mali
🇲🇲 myanmar (burma)|flag for myanmar|myanmar
🇲🇳 mongolia|flag for mongolia
🇲🇴 macao sar china|flag for macau|macau
🇲🇵 northern mariana islands|flag for northern mariana islands
🇲🇶 martinique|flag for martinique
🇲🇷 mauritania|flag for mauritania
🇲🇸 montserrat|flag for montserrat
🇲🇹 malta|flag for malta
🇲🇺 mauritius|flag for mauritius
🇲🇻 maldives|flag for maldives
🇲🇼 malawi|flag for malawi
🇲🇽 mexico|flag for mexico
🇲🇾 malaysia|flag for malaysia
🇲🇿 mozambique|flag for mozambique
🇳🇦 namibia|flag for namibia
🇳🇨 new caledonia|flag for new caledonia
🇳🇪 niger|flag for niger
🇳🇫 norfolk island|flag for norfolk island
🇳🇬 nigeria|flag for nigeria
🇳🇮 nicaragua|flag for nicaragua
🇳🇱 netherlands|flag for netherlands
🇳🇴 norway|flag for norway
🇳🇵 nepal|flag for nepal
🇳🇷 nauru|flag for nauru
🇳🇺 niue|flag for niue
🇳🇿 new zealand|flag for new zealand
🇴🇲 oman|flag for oman
🇵🇦 panama|flag for panama
🇵🇪 peru|flag for peru
🇵🇫 french polynesia|flag for french polynesia
🇵🇬 papua new guinea|flag for papua new guinea
🇵🇭 philippines|flag for philippines
🇵🇰 pakistan|flag for pakistan
🇵🇱 poland|flag for poland
🇵🇲 st. pierre & miquelon|flag for st. pierre & miquelon|st pierre miquelon
🇵🇳 pitcairn islands|flag for pitcairn islands
🇵🇷 puerto rico|flag for puerto rico
🇵🇸 palestinian territories|flag for palestinian territories
🇵🇹 portugal|flag for portugal
🇵🇼 palau|flag for palau
🇵🇾 paraguay|flag for paraguay
🇶🇦 qatar|flag for qatar
🇷🇪 réunion|flag for réunion|reunion
🇷🇴 romania|flag for romania
🇷🇸 serbia|flag for serbia
🇷🇺 russia|flag for russia|ru
🇷🇼 rwanda|flag for rwanda
🇸🇦 saudi arabia|flag for saudi arabia
🇸🇧 solomon islands|flag for solomon islands
🇸🇨 seychelles|flag for seychelles
🇸🇩 sudan|flag for sudan
🇸🇪 sweden|flag for sweden
🇸🇬 singapore|flag for singapore
🇸🇭 st. helena ascension & tristan da cunha|flag for st. helena|st helena
🇸🇮 slovenia|flag for slovenia
🇸🇯 svalbard & jan mayen|flag for svalbard & jan mayen|svalbard jan mayen
🇸🇰 slovakia|flag for slovakia
🇸🇱 sierra leone|flag for sierra leone
🇸🇲 san marino|flag for san marino
🇸🇳 senegal|flag for senegal
🇸🇴 somalia|flag for somalia
🇸🇷 suriname|flag for suriname
🇸🇸 south sudan|flag for south sudan
🇸🇹 são tomé & príncipe|flag for são tomé & príncipe|sao tome principe
🇸🇻 el salvador|flag for el salvador
🇸🇽 sint maarten|flag for sint maarten
🇸🇾 syria|flag for syria
🇸🇿 eswatini|flag for swaziland|swaziland
🇹🇦 tristan da cunha|flag for tristan da cunha
🇹🇨 turks & caicos islands|flag for turks & caicos islands|turks caicos islands
🇹🇩 chad|flag for chad
🇹🇫 french southern and antarctic lands|flag for french southern territories|french southern territories
🇹🇬 togo|flag for togo
🇹🇭 thailand|flag for thailand
🇹🇯 tajikistan|flag for tajikistan
🇹🇰 tokelau|flag for tokelau
🇹🇱 timor-leste|flag for timor leste|timor leste
🇹🇲 turkmenistan|flag for turkmenistan
🇹🇳 tunisia|flag for tunisia
🇹🇴 tonga|flag for tonga
🇹🇷 türkiye|flag for turkey|turkey|tr
🇹🇹 trinidad & tobago|flag for trinidad & tobago|trinidad tobago
🇹🇻 tuvalu|flag for tuvalu
🇹🇼 taiwan|flag for taiwan
🇹🇿 tanzania|flag for tanzania
🇺🇦 ukraine|flag for ukraine
🇺🇬 uganda|flag for uganda
🇺🇲 u.s. outlying islands|flag for u.s. outlying islands|us outlying islands
🇺🇳 united nations
🇺🇸 united states|flag for united states|us
🇺🇾 uruguay|flag for uruguay
🇺🇿 uzbekistan|flag for uzbekistan
🇻🇦 vatican city|flag for vatican city
🇻🇨 st. vincent & grenadines|flag for st. vincent & grenadines|st vincent grenadines
🇻🇪 venezuela|flag for venezuela
🇻🇬 british virgin islands|flag for british virgin islands
🇻🇮 u.s. virgin islands|flag for u.s. virgin islands|us virgin islands
🇻🇳 vietnam|flag for vietnam
🇻🇺 vanuatu|flag for vanuatu
🇼🇫 wallis & futuna|flag for wallis & futuna|wallis futuna
🇼🇸 samoa|flag for samoa
🇽🇰 kosovo|flag for kosovo
🇾🇪 yemen|flag for yemen
🇾🇹 mayotte|flag for mayotte
🇿🇦 south africa|flag for south africa
🇿🇲 zambia|flag for zambia
🇿🇼 zimbabwe|flag for zimbabwe
🈁 japanese here button|koko
🈂️ japanese service charge button|sa
🈚 japanese free of charge button|u7121
🈯 japanese reserved button|u6307
🈲 japanese prohibited button|u7981
🈳 japanese vacancy button|u7a7a
🈴 japanese passing grade button|u5408
🈵 japanese no vacancy button|u6e80
🈶 japanese not free of charge button|u6709
🈷️ japanese monthly amount button|u6708
🈸 japanese application button|u7533
🈹 japanese discount button|u5272
🈺 japanese open for business button|u55b6
🉐 japanese bargain button|ideograph advantage
🉑 japanese acceptable button|accept
🌀 cyclone
🌁 foggy
🌂 closed umbrella
🌃 night with stars
🌄 sunrise over mountains
🌅 sunrise
🌆 cityscape at dusk|city sunset
🌇 sunset|city sunrise
🌈 rainbow
🌉 bridge at night
🌊 water wave|ocean
🌋 volcano
🌌 milky way
🌍 globe showing europe-africa|earth africa|globe showing europe africa
🌎 globe showing americas|earth americas
🌏 globe showing asia-australia|earth asia|globe showing asia australia
🌐 globe with meridians
🌑 new moon
🌒 waxing crescent moon
🌓 first quarter moon
🌔 waxing gibbous moon|moon
🌕 full moon
🌖 waning gibbous moon
🌗 last quarter moon
🌘 waning crescent moon
🌙 crescent moon
🌚 new moon face|new moon with face
🌛 first quarter moon face|first quarter moon with face
🌜 last quarter moon face|last quarter moon with face
🌝 full moon face|full moon with face
🌞 sun with face
🌟 glowing star|star2
🌠 shooting star|stars
🌡️ thermometer
🌤️ sun behind small cloud|white sun with small cloud
🌥️ sun behind large cloud|white sun behind cloud
🌦️ sun behind rain cloud|white sun behind cloud with rain
🌧️ cloud with rain
🌨️ cloud with snow
🌩️ cloud with lightning
🌪️ tornado|cloud with tornado
🌫️ fog
🌬️ wind face|wind blowing face
🌭 hot dog|hotdog
🌮 taco
🌯 burrito
🌰 chestnut
🌱 seedling
🌲 evergreen tree
🌳 deciduous tree
🌴 palm tree
🌵 cactus
🌶️ hot pepper
🌷 tulip
🌸 cherry blossom
🌹 rose
🌺 hibiscus
🌻 sunflower
🌼 blossom
🌽 ear of corn|corn
🌾 sheaf of rice|ear of rice
🌿 herb
🍀 four leaf clover
🍁 maple leaf
🍂 fallen leaf
🍃 leaf fluttering in wind|leaves
🍄 mushroom
🍄‍🟫 brown mushroom
🍅 tomato
🍆 eggplant
🍇 grapes
🍈 melon
🍉 watermelon
🍊 tangerine|orange|mandarin
🍋 lemon
🍋‍🟩 lime
🍌 banana
🍍 pineapple
🍎 red apple|apple
🍏 green apple
🍐 pear
🍑 peach
🍒 cherries
🍓 strawberry
🍔 hamburger
🍕 pizza
🍖 meat on bone
🍗 poultry leg
🍘 rice cracker
🍙 rice ball
🍚 cooked rice|rice
🍛 curry rice|curry
🍜 steaming bowl|ramen
🍝 spaghetti
🍞 bread
🍟 french fries|fries
🍠 roasted sweet potato|sweet potato
🍡 dango
🍢 oden
🍣 sushi
🍤 fried shrimp
🍥 fish cake with swirl|fish cake
🍦 soft ice cream|icecream
🍧 shaved ice
🍨 ice cream
🍩 doughnut
🍪 cookie
🍫 chocolate bar
🍬 candy
🍭 lollipop
🍮 custard
🍯 honey pot
🍰 shortcake|cake
🍱 bento box|bento
🍲 pot of food|stew
🍳 cooking|egg|fried egg
🍴 fork and knife
🍵 teacup without handle|tea
🍶 sake
🍷 wine glass
🍸 cocktail glass|cocktail
🍹 tropical drink
🍺 beer mug|beer
🍻 clinking beer mugs|beers
🍼 baby bottle
🍽️ fork and knife with plate|plate with cutlery
🍾 bottle with popping cork|champagne
🍿 popcorn
🎀 ribbon
🎁 wrapped gift|gift
🎂 birthday cake|birthday
🎃 jack-o-lantern|jack o lantern
🎄 christmas tree
🎅 santa claus|santa
🎆 fireworks
🎇 sparkler
🎈 balloon
🎉 party popper|tada
🎊 confetti ball
🎋 tanabata tree
🎌 crossed flags
🎍 pine decoration|bamboo
🎎 japanese dolls|dolls
🎏 carp streamer|flags
🎐 wind chime
🎑 moon viewing ceremony|rice scene
🎒 backpack|school satchel
🎓 graduation cap|mortar board
🎖️ military medal|medal military
🎗️ reminder ribbon
🎙️ studio microphone
🎚️ level slider
🎛️ control knobs
🎞️ film frames|film strip
🎟️ admission tickets|tickets
🎠 carousel horse
🎡 ferris wheel
🎢 roller coaster
🎣 fishing pole|fishing pole and fish
🎤 microphone
🎥 movie camera
🎦 cinema
🎧 headphone|headphones
🎨 artist palette|art
🎩 top hat|tophat
🎪 circus tent
🎫 ticket
🎬 clapper board|clapper
🎭 performing arts
🎮 video game
🎯 bullseye|dart
🎰 slot machine
🎱 pool 8 ball|8ball
🎲 game die
🎳 bowling
🎴 flower playing cards
🎵 musical note
🎶 musical notes|notes
🎷 saxophone
🎸 guitar
🎹 musical keyboard
🎺 trumpet
🎻 violin
🎼 musical score
🎽 running shirt|running shirt with sash
🎾 tennis
🎿 skis|ski
🏀 basketball
🏁 chequered flag|checkered flag
🏂 snowboarder
🏃 person running|runner|running
🏃‍♀️ woman running|running woman
🏃‍♀️‍➡️ woman running facing right
🏃‍♂️ man running|running man
🏃‍♂️‍➡️ man running facing right
🏃‍➡️ person running facing right
🏄 person surfing|surfer
🏄‍♀️ woman surfing|surfing woman
🏄‍♂️ man surfing|surfing man
🏅 sports medal|medal sports
🏆 trophy
🏇 horse racing
🏈 american football|football
🏉 rugby football
🏊 person swimming|swimmer
🏊‍♀️ woman swimming|swimming woman
🏊‍♂️ man swimming|swimming man
🏋️ person lifting weights|weight lifting|weight lifter
🏋️‍♀️ woman lifting weights|weight lifting woman
🏋️‍♂️ man lifting weights|weight lifting man
🏌️ person golfing|golfing|golfer
🏌️‍♀️ woman golfing|golfing woman
🏌️‍♂️ man golfing|golfing man
🏍️ motorcycle|racing motorcycle
🏎️ racing car
🏏 cricket game|cricket bat and ball
🏐 volleyball
🏑 field hockey|field hockey stick and ball
🏒 ice hockey|ice hockey stick and puck
🏓 ping pong|table tennis paddle and ball
🏔️ snow-capped mountain|mountain snow|snow capped mountain
🏕️ camping
🏖️ beach with umbrella|beach umbrella
🏗️ building construction
🏘️ houses|house buildings
🏙️ cityscape
🏚️ derelict house|derelict house building
🏛️ classical building
🏜️ desert
🏝️ desert island
🏞️ national park
🏟️ stadium
🏠 house
🏡 house with garden
🏢 office building|office
🏣 japanese post office|post office
🏤 post office|european post office
🏥 hospital
🏦 bank
🏧 atm sign|atm
🏨 hotel
🏩 love hotel
🏪 convenience store
🏫 school
🏬 department store
🏭 factory
🏮 red paper lantern|izakaya lantern|lantern
🏯 japanese castle
🏰 castle|european castle
🏳️ white flag|waving white flag
🏳️‍⚧️ transgender flag
🏳️‍🌈 rainbow flag
🏴 black flag|waving black flag
🏴‍☠️ pirate flag
🏴󠁧󠁢󠁥󠁮󠁧󠁿 england
🏴󠁧󠁢󠁳󠁣󠁴󠁿 scotland
🏴󠁧󠁢󠁷󠁬󠁳󠁿 wales
🏵️ rosette
🏷️ label
🏸 badminton|badminton racquet and shuttlecock
🏹 bow and arrow
🏺 amphora
🐀 rat
🐁 mouse|mouse2
🐂 ox
🐃 water buffalo
🐄 cow|cow2
🐅 tiger|tiger2
🐆 leopard
🐇 rabbit|rabbit2
🐈 cat|cat2
🐈‍⬛ black cat
🐉 dragon
🐊 crocodile
🐋 whale|whale2
🐌 snail
🐍 snake
🐎 horse|racehorse
🐏 ram
🐐 goat
🐑 ewe|sheep
🐒 monkey
🐓 rooster
🐔 chicken
🐕 dog|dog2
🐕‍🦺 service dog
🐖 pig|pig2
🐗 boar
🐘 elephant
🐙 octopus
🐚 spiral shell|shell
🐛 bug
🐜 ant
🐝 honeybee|bee
🐞 lady beetle|beetle
🐟 fish
🐠 tropical fish
🐡 blowfish
🐢 turtle
🐣 hatching chick
🐤 baby chick
🐥 front-facing baby chick|hatched chick|front facing baby chick
🐦 bird
🐦‍⬛ black bird|raven|crow|rook
🐦‍🔥 phoenix
🐧 penguin
🐨 koala
🐩 poodle
🐪 camel|dromedary camel
🐫 two-hump camel|camel|two hump camel
🐬 dolphin|flipper
🐭 mouse face|mouse
🐮 cow face|cow
🐯 tiger face|tiger
🐰 rabbit face|rabbit
🐱 cat face|cat
🐲 dragon face
🐳 spouting whale|whale
🐴 horse face|horse
🐵 monkey face
🐶 dog face|dog
🐷 pig face|pig
🐸 frog
🐹 hamster
🐺 wolf
🐻 bear
🐻‍❄️ polar bear
🐼 panda|panda face
🐽 pig nose
🐾 paw prints|feet
🐿️ chipmunk
👀 eyes
👁️ eye
👁️‍🗨️ eye in speech bubble|eye speech bubble
👂 ear
👃 nose
👄 mouth|lips
👅 tongue
👆 backhand index pointing up|point up 2
👇 backhand index pointing down|point down
👈 backhand index pointing left|point left
👉 backhand index pointing right|point right
👊 oncoming fist|fist oncoming|punch|facepunch
👋 waving hand|wave
👌 ok hand
👍 thumbs up|thumbsup|+1
👎 thumbs down|thumbsdown| 1|-1
👏 clapping hands|clap
👐 open hands
👑 crown
👒 woman’s hat|womans hat
👓 glasses|eyeglasses
👔 necktie
👕 t-shirt|tshirt|shirt|t shirt
👖 jeans
👗 dress
👘 kimono
👙 bikini
👚 woman’s clothes|womans clothes
👛 purse
👜 handbag
👝 clutch bag|pouch
👞 man’s shoe|mans shoe|shoe
👟 running shoe|athletic shoe
👠 high-heeled shoe|high heel|high heeled shoe
👡 woman’s sandal|sandal|womans sandal
👢 woman’s boot|boot|womans boot
👣 footprints
👤 bust in silhouette
👥 busts in silhouette
👦 boy
👧 girl
👨 man
👨‍⚕️ man health worker
👨‍⚖️ man judge
👨‍✈️ man pilot
👨‍❤️‍👨 couple with heart man man
👨‍❤️‍💋‍👨 kiss man man|couplekiss man man
👨‍🌾 man farmer
👨‍🍳 man cook
👨‍🍼 man feeding baby
👨‍🎓 man student
👨‍🎤 man singer
👨‍🎨 man artist
👨‍🏫 man teacher
👨‍🏭 man factory worker
👨‍👦 family man boy
👨‍👦‍👦 family man boy boy
👨‍👧 family man girl
👨‍👧‍👦 family man girl boy
👨‍👧‍👧 family man girl girl
👨‍👨‍👦 family man man boy
👨‍👨‍👦‍👦 family man man boy boy
👨‍👨‍👧 family man man girl
👨‍👨‍👧‍👦 family man man girl boy
👨‍👨‍👧‍👧 family man man girl girl
👨‍👩‍👦 family man woman boy
👨‍👩‍👦‍👦 family man woman boy boy
👨‍👩‍👧 family man woman girl
👨‍👩‍👧‍👦 family man woman girl boy
👨‍👩‍👧‍👧 family man woman girl girl
👨‍💻 man technologist
👨‍💼 man office worker
👨‍🔧 man mechanic
👨‍🔬 man scientist
👨‍🚀 man astronaut
👨‍🚒 man firefighter
👨‍🦯 man with white cane|man with probing cane
👨‍🦯‍➡️ man with white cane facing right
👨‍🦰 man red hair|red haired man
👨‍🦱 man curly hair|curly haired man
👨‍🦲 man bald|bald man
👨‍🦳 man white hair|white haired man
👨‍🦼 man in motorized wheelchair
👨‍🦼‍➡️ man in motorized wheelchair facing right
👨‍🦽 man in manual wheelchair
👨‍🦽‍➡️ man in manual wheelchair facing right
👩 woman
👩‍⚕️ woman health worker
👩‍⚖️ woman judge
👩‍✈️ woman pilot
👩‍❤️‍👨 couple with heart woman man
👩‍❤️‍👩 couple with heart woman woman
👩‍❤️‍💋‍👨 kiss woman man|couplekiss man woman
👩‍❤️‍💋‍👩 kiss woman woman|couplekiss woman woman
👩‍🌾 woman farmer
👩‍🍳 woman cook
👩‍🍼 woman feeding baby
👩‍🎓 woman student
👩‍🎤 woman singer
👩‍🎨 woman artist
👩‍🏫 woman teacher
👩‍🏭 woman factory worker
👩‍👦 family woman boy
👩‍👦‍👦 family woman boy boy
👩‍👧 family woman girl
👩‍👧‍👦 family woman girl boy
👩‍👧‍👧 family woman girl girl
👩‍👩‍👦 family woman woman boy
👩‍👩‍👦‍👦 family woman woman boy boy
👩‍👩‍👧 family woman woman girl
👩‍👩‍👧‍👦 family woman woman girl boy
👩‍👩‍👧‍👧 family woman woman girl girl
👩‍💻 woman technologist
👩‍💼 woman office worker
👩‍🔧 woman mechanic
👩‍🔬 woman scientist
👩‍🚀 woman astronaut
👩‍🚒 woman firefighter
👩‍🦯 woman with white cane|woman with probing cane
👩‍🦯‍➡️ woman with white cane facing right
👩‍🦰 woman red hair|red haired woman
👩‍🦱 woman curly hair|curly haired woman
👩‍🦲 woman bald|bald woman
👩‍🦳 woman white hair|white haired woman
👩‍🦼 woman in motorized wheelchair
👩‍🦼‍➡️ woman in motorized wheelchair facing right
👩‍🦽 woman in manual wheelchair
👩‍🦽‍➡️ woman in manual wheelchair facing right
👪 family
👫 woman and man holding hands|couple
👬 men holding hands|two men holding hands
👭 women holding hands|two women holding hands
👮 police officer|cop
👮‍♀️ woman police officer|policewoman
👮‍♂️ man police officer|policeman
👯 people with bunny ears|dancers
👯‍♀️ women with bunny ears|dancing women
👯‍♂️ men with bunny ears|dancing men
👰 person with veil
👰‍♀️ woman with veil|bride with veil
👰‍♂️ man with veil
👱 person blond hair|blond haired person|person with blond hair
👱‍♀️ woman blond hair|blonde woman|blond haired woman
👱‍♂️ man blond hair|blond haired man
👲 person with skullcap|man with gua pi mao
👳 person wearing turban|person with turban
👳‍♀️ woman wearing turban|woman with turban
👳‍♂️ man wearing turban|man with turban
👴 old man|older man
👵 old woman|older woman
👶 baby
👷 construction worker
👷‍♀️ woman construction worker|construction worker woman
👷‍♂️ man construction worker|construction worker man
👸 princess
👹 ogre|japanese ogre
👺 goblin|japanese goblin
👻 ghost
👼 baby angel|angel
👽 alien
👾 alien monster|space invader
👿 angry face with horns|imp
💀 skull
💁 person tipping hand|tipping hand person|information desk person
💁‍♀️ woman tipping hand|sassy woman|tipping hand woman
💁‍♂️ man tipping hand|sassy man|tipping hand man
💂 guard
💂‍♀️ woman guard|guardswoman
💂‍♂️ man guard|guardsman
💃 woman dancing|dancer
💄 lipstick
💅 nail polish|nail care
💆 person getting massage|massage
💆‍♀️ woman getting massage|massage woman
💆‍♂️ man getting massage|massage man
💇 person getting haircut|haircut
💇‍♀️ woman getting haircut|haircut woman
💇‍♂️ man getting haircut|haircut man
💈 barber pole|barber
💉 syringe
💊 pill
💋 kiss mark|kiss
💌 love letter
💍 ring
💎 gem stone|gem
💏 kiss|couplekiss
💐 bouquet
💑 couple with heart
💒 wedding
💓 beating heart|heartbeat
💔 broken heart
💕 two hearts
💖 sparkling heart
💗 growing heart|heartpulse
💘 heart with arrow|cupid
💙 blue heart
💚 green heart
💛 yellow heart
💜 purple heart
💝 heart with ribbon|gift heart
💞 revolving hearts
💟 heart decoration
💠 diamond with a dot|diamond shape with a dot inside
💡 light bulb|bulb
💢 anger symbol|anger
💣 bomb
💤 zzz
💥 collision|boom
💦 sweat droplets|sweat drops
💧 droplet
💨 dashing away|dash
💩 pile of poo|poop|hankey|shit
💪 flexed biceps|muscle
💫 dizzy
💬 speech balloon
💭 thought balloon
💮 white flower
💯 hundred points|100
💰 money bag|moneybag
💱 currency exchange
💲 heavy dollar sign
💳 credit card
💴 yen banknote|yen
💵 dollar banknote|dollar
💶 euro banknote|euro
💷 pound banknote|pound
💸 money with wings
💹 chart increasing with yen|chart
💺 seat
💻 laptop|computer
💼 briefcase
💽 computer disk|minidisc
💾 floppy disk
💿 optical disk|cd
📀 dvd
📁 file folder
📂 open file folder
📃 page with curl
📄 page facing up
📅 calendar|date
📆 tear-off calendar|calendar|tear off calendar
📇 card index
📈 chart increasing|chart with upwards trend
📉 chart decreasing|chart with downwards trend
📊 bar chart
📋 clipboard
📌 pushpin
📍 round pushpin
📎 paperclip
📏 straight ruler
📐 triangular ruler
📑 bookmark tabs
📒 ledger
📓 notebook
📔 notebook with decorative cover
📕 closed book
📖 open book|book
📗 green book
📘 blue book
📙 orange book
📚 books
📛 name badge
📜 scroll
📝 memo|pencil
📞 telephone receiver
📟 pager
📠 fax machine|fax
📡 satellite antenna|satellite
📢 loudspeaker
📣 megaphone|mega
📤 outbox tray
📥 inbox tray
📦 package
📧 e-mail|email|e mail
📨 incoming envelope
📩 envelope with arrow
📪 closed mailbox with lowered flag|mailbox closed
📫 closed mailbox with raised flag|mailbox
📬 open mailbox with raised flag|mailbox with mail
📭 open mailbox with lowered flag|mailbox with no mail
📮 postbox
📯 postal horn
📰 newspaper
📱 mobile phone|iphone
📲 mobile phone with arrow|calling
📳 vibration mode
📴 mobile phone off
📵 no mobile phones
📶 antenna bars|signal strength
📷 camera
📸 camera with flash|camera flash
📹 video camera
📺 television|tv
📻 radio
📼 videocassette|vhs
📽️ film projector
📿 prayer beads
🔀 shuffle tracks button|twisted rightwards arrows
🔁 repeat button|repeat
🔂 repeat single button|repeat one
🔃 clockwise vertical arrows|arrows clockwise
🔄 counterclockwise arrows button|arrows counterclockwise
🔅 dim button|low brightness
🔆 bright button|high brightness
🔇 muted speaker|mute
🔈 speaker low volume|speaker
🔉 speaker medium volume|sound
🔊 speaker high volume|loud sound
🔋 battery
🔌 electric plug
🔍 magnifying glass tilted left|mag
🔎 magnifying glass tilted right|mag right
🔏 locked with pen|lock with ink pen
🔐 locked with key|closed lock with key
🔑 key
🔒 locked|lock
🔓 unlocked|unlock
🔔 bell
🔕 bell with slash|no bell
🔖 bookmark
🔗 link
🔘 radio button
🔙 back arrow|back
🔚 end arrow|end
🔛 on! arrow|on|on arrow
🔜 soon arrow|soon
🔝 top arrow|top
🔞 no one under eighteen|underage
🔟 keycap 10|ten|keycap ten
🔠 input latin uppercase|capital abcd
🔡 input latin lowercase|abcd
🔢 input numbers|1234
🔣 input symbols|symbols
🔤 input latin letters|abc
🔥 fire
🔦 flashlight
🔧 wrench
🔨 hammer
🔩 nut and bolt
🔪 kitchen knife|hocho|knife
🔫 water pistol|gun
🔬 microscope
🔭 telescope
🔮 crystal ball
🔯 dotted six-pointed star|six pointed star|dotted six pointed star
🔰 japanese symbol for beginner|beginner
🔱 trident emblem|trident
🔲 black square button
🔳 white square button
🔴 red circle
🔵 blue circle|large blue circle
🔶 large orange diamond
🔷 large blue diamond
🔸 small orange diamond
🔹 small blue diamond
🔺 red triangle pointed up|small red triangle
🔻 red triangle pointed down|small red triangle down
🔼 upwards button|arrow up small
🔽 downwards button|arrow down small
🕉️ om|om symbol
🕊️ dove|dove of peace
🕋 kaaba
🕌 mosque
🕍 synagogue
🕎 menorah|menorah with nine branches
🕐 one o’clock|clock1|one oclock
🕑 two o’clock|clock2|two oclock
🕒 three o’clock|clock3|three oclock
🕓 four o’clock|clock4|four oclock
🕔 five o’clock|clock5|five oclock
🕕 six o’clock|clock6|six oclock
🕖 seven o’clock|clock7|seven oclock
🕗 eight o’clock|clock8|eight oclock
🕘 nine o’clock|clock9|nine oclock
🕙 ten o’clock|clock10|ten oclock
🕚 eleven o’clock|clock11|eleven oclock
🕛 twelve o’clock|clock12|twelve oclock
🕜 one-thirty|clock130|one thirty
🕝 two-thirty|clock230|two thirty
🕞 three-thirty|clock330|three thirty
🕟 four-thirty|clock430|four thirty
🕠 five-thirty|clock530|five thirty
🕡 six-thirty|clock630|six thirty
🕢 seven-thirty|clock730|seven thirty
🕣 eight-thirty|clock830|eight thirty
🕤 nine-thirty|clock930|nine thirty
🕥 ten-thirty|clock1030|ten thirty
🕦 eleven-thirty|clock1130|eleven thirty
🕧 twelve-thirty|clock1230|twelve thirty
🕯️ candle
🕰️ mantelpiece clock
🕳️ hole
🕴️ person in suit levitating|business suit levitating|man in business suit levitating
🕵️ detective|sleuth or spy
🕵️‍♀️ woman detective|female detective
🕵️‍♂️ man detective|male detective
🕶️ sunglasses|dark sunglasses
🕷️ spider
🕸️ spider web
🕹️ joystick
🕺 man dancing
🖇️ linked paperclips|paperclips
🖊️ pen|lower left ballpoint pen
🖋️ fountain pen|lower left fountain pen
🖌️ paintbrush|lower left paintbrush
🖍️ crayon|lower left crayon
🖐️ hand with fingers splayed|raised hand with fingers splayed
🖕 middle finger|fu|reversed hand with middle finger extended
🖖 vulcan salute|raised hand with part between middle and ring fingers
🖤 black heart
🖥️ desktop computer
🖨️ printer
🖱️ computer mouse|three button mouse
🖲️ trackball
🖼️ framed picture|frame with picture
🗂️ card index dividers
🗃️ card file box
🗄️ file cabinet
🗑️ wastebasket
🗒️ spiral notepad|spiral note pad
🗓️ spiral calendar|spiral calendar pad
🗜️ clamp|compression
🗝️ old key
🗞️ rolled-up newspaper|rolled up newspaper|newspaper roll
🗡️ dagger|dagger knife
🗣️ speaking head|speaking head in silhouette
🗨️ left speech bubble
🗯️ right anger bubble
🗳️ ballot box with ballot|ballot box
🗺️ world map
🗻 mount fuji
🗼 tokyo tower
🗽 statue of liberty
🗾 map of japan|japan
🗿 moai|moyai
😀 grinning face|grinning
😁 beaming face with smiling eyes|grin
😂 face with tears of joy|joy
😃 grinning face with big eyes|smiley
😄 grinning face with smiling eyes|smile
😅 grinning face with sweat|sweat smile
😆 grinning squinting face|satisfied|laughing
😇 smiling face with halo|innocent
😈 smiling face with horns|smiling imp
😉 winking face|wink
😊 smiling face with smiling eyes|blush
😋 face savoring food|yum
😌 relieved face|relieved
😍 smiling face with heart-eyes|heart eyes|smiling face with heart eyes
😎 smiling face with sunglasses|sunglasses
😏 smirking face|smirk
😐 neutral face
😑 expressionless face|expressionless
😒 unamused face|unamused
😓 downcast face with sweat|sweat
😔 pensive face|pensive
😕 confused face|confused
😖 confounded face|confounded
😗 kissing face|kissing
😘 face blowing a kiss|kissing heart
😙 kissing face with smiling eyes|kissing smiling eyes
😚 kissing face with closed eyes|kissing closed eyes
😛 face with tongue|stuck out tongue
😜 winking face with tongue|stuck out tongue winking eye
😝 squinting face with tongue|stuck out tongue closed eyes
😞 disappointed face|disappointed
😟 worried face|worried
😠 angry face|angry
😡 enraged face|rage|pout
😢 crying face|cry
😣 persevering face|persevere
😤 face with steam from nose|triumph
😥 sad but relieved face|disappointed relieved
😦 frowning face with open mouth|frowning
😧 anguished face|anguished
😨 fearful face|fearful
😩 weary face|weary
😪 sleepy face|sleepy
😫 tired face
😬 grimacing face|grimacing
😭 loudly crying face|sob
😮 face with open mouth|open mouth
😮‍💨 face exhaling
😯 hushed face|hushed
😰 anxious face with sweat|cold sweat
😱 face screaming in fear|scream
😲 astonished face|astonished
😳 flushed face|flushed
😴 sleeping face|sleeping
😵 face with crossed-out eyes|dizzy face|face with crossed out eyes|knocked out face
😵‍💫 face with spiral eyes
😶 face without mouth|no mouth
😶‍🌫️ face in clouds
😷 face with medical mask|mask
😸 grinning cat with smiling eyes|smile cat
😹 cat with tears of joy|joy cat
😺 grinning cat|smiley cat
😻 smiling cat with heart-eyes|heart eyes cat|smiling cat with heart eyes
😼 cat with wry smile|smirk cat
😽 kissing cat
😾 pouting cat
😿 crying cat|crying cat face
🙀 weary cat|scream cat
🙁 slightly frowning face
🙂 slightly smiling face
🙂‍↔️ head shaking horizontally
🙂‍↕️ head shaking vertically
🙃 upside-down face|upside down face
🙄 face with rolling eyes|roll eyes
🙅 person gesturing no|no good
🙅‍♀️ woman gesturing no|ng woman|no good woman
🙅‍♂️ man gesturing no|no good man|ng man
🙆 person gesturing ok|ok person
🙆‍♀️ woman gesturing ok|ok woman
🙆‍♂️ man gesturing ok|ok man
🙇 person bowing|bow
🙇‍♀️ woman bowing|bowing woman
🙇‍♂️ man bowing|bowing man
🙈 see-no-evil monkey|see no evil|see no evil monkey
🙉 hear-no-evil monkey|hear no evil|hear no evil monkey
🙊 speak-no-evil monkey|speak no evil|speak no evil monkey
🙋 person raising hand|raising hand
🙋‍♀️ woman raising hand|raising hand woman
🙋‍♂️ man raising hand|raising hand man
🙌 raising hands|raised hands
🙍 person frowning|frowning person
🙍‍♀️ woman frowning|frowning woman
🙍‍♂️ man frowning|frowning man
🙎 person pouting|pouting face|person with pouting face
🙎‍♀️ woman pouting|pouting woman
🙎‍♂️ man pouting|pouting man
🙏 folded hands|pray
🚀 rocket
🚁 helicopter
🚂 locomotive|steam locomotive
🚃 railway car
🚄 high-speed train|bullettrain side|high speed train
🚅 bullet train|bullettrain front
🚆 train|train2
🚇 metro
🚈 light rail
🚉 station
🚊 tram
🚋 tram car|train
🚌 bus
🚍 oncoming bus
🚎 trolleybus
🚏 bus stop|busstop
🚐 minibus
🚑 ambulance
🚒 fire engine
🚓 police car
🚔 oncoming police car
🚕 taxi
🚖 oncoming taxi
🚗 automobile|car|red car
🚘 oncoming automobile
🚙 sport utility vehicle|blue car
🚚 delivery truck|truck
🚛 articulated lorry
🚜 tractor
🚝 monorail
🚞 mountain railway
🚟 suspension railway
🚠 mountain cableway
🚡 aerial tramway
🚢 ship
🚣 person rowing boat|rowboat
🚣‍♀️ woman rowing boat|rowing woman
🚣‍♂️ man rowing boat|rowing man
🚤 speedboat
🚥 horizontal traffic light|traffic light
🚦 vertical traffic light
🚧 construction
🚨 police car light|rotating light
🚩 triangular flag|triangular flag on post
🚪 door
🚫 prohibited|no entry sign
🚬 cigarette|smoking
🚭 no smoking
🚮 litter in bin sign|put litter in its place
🚯 no littering|do not litter
🚰 potable water
🚱 non-potable water|non potable water
🚲 bicycle|bike
🚳 no bicycles
🚴 person biking|bicyclist
🚴‍♀️ woman biking|biking woman
🚴‍♂️ man biking|biking man
🚵 person mountain biking|mountain bicyclist
🚵‍♀️ woman mountain biking|mountain biking woman
🚵‍♂️ man mountain biking|mountain biking man
🚶 person walking|walking
🚶‍♀️ woman walking|walking woman
🚶‍♀️‍➡️ woman walking facing right
🚶‍♂️ man walking|walking man
🚶‍♂️‍➡️ man walking facing right
🚶‍➡️ person walking facing right
🚷 no pedestrians
🚸 children crossing
🚹 men’s room|mens|mens room
🚺 women’s room|womens|womens room
🚻 restroom
🚼 baby symbol
🚽 toilet
🚾 water closet|wc
🚿 shower
🛀 person taking bath|bath
🛁 bathtub
🛂 passport control
🛃 customs
🛄 baggage claim
🛅 left luggage
🛋️ couch and lamp
🛌 person in bed|sleeping bed|sleeping accommodation
🛍️ shopping bags|shopping
🛎️ bellhop bell
🛏️ bed
🛐 place of worship
🛑 stop sign
🛒 shopping cart
🛕 hindu temple
🛖 hut
🛗 elevator
🛘 landslide
🛙 lighthouse
🛜 wireless
🛝 playground slide
🛞 wheel
🛟 ring buoy
🛠️ hammer and wrench
🛡️ shield
🛢️ oil drum
🛣️ motorway
🛤️ railway track
🛥️ motor boat
🛩️ small airplane
🛫 airplane departure|flight departure
🛬 airplane arrival|airplane arriving|flight arrival
🛰️ satellite|artificial satellite
🛳️ passenger ship
🛴 kick scooter
🛵 motor scooter
🛶 canoe
🛷 sled
🛸 flying saucer
🛹 skateboard
🛺 auto rickshaw
🛻 pickup truck
🛼 roller skate
🟠 orange circle
🟡 yellow circle
🟢 green circle
🟣 purple circle
🟤 brown circle
🟥 red square
🟦 blue square
🟧 orange square
🟨 yellow square
🟩 green square
🟪 purple square
🟫 brown square
🟰 heavy equals sign
🤌 pinched fingers
🤍 white heart
🤎 brown heart
🤏 pinching hand
🤐 zipper-mouth face|zipper mouth face
🤑 money-mouth face|money mouth face
🤒 face with thermometer
🤓 nerd face
🤔 thinking face|thinking
🤕 face with head-bandage|face with head bandage
🤖 robot|robot face
🤗 smiling face with open hands|hugging face|hugs
🤘 sign of the horns|metal
🤙 call me hand
🤚 raised back of hand
🤛 left-facing fist|fist left|left facing fist
🤜 right-facing fist|fist right|right facing fist
🤝 handshake
🤞 crossed fingers
🤟 love-you gesture|love you gesture
🤠 cowboy hat face
🤡 clown face
🤢 nauseated face
🤣 rolling on the floor laughing|rofl
🤤 drooling face
🤥 lying face
🤦 person facepalming|facepalm
🤦‍♀️ woman facepalming
🤦‍♂️ man facepalming
🤧 sneezing face
🤨 face with raised eyebrow|raised eyebrow
🤩 star-struck|star struck
🤪 zany face
🤫 shushing face
🤬 face with symbols on mouth|cursing face
🤭 face with hand over mouth|hand over mouth
🤮 face vomiting|vomiting face
🤯 exploding head
🤰 pregnant woman
🤱 breast-feeding|breast feeding
🤲 palms up together
🤳 selfie
🤴 prince
🤵 person in tuxedo
🤵‍♀️ woman in tuxedo
🤵‍♂️ man in tuxedo
🤶 mrs. claus|mrs claus
🤷 person shrugging|shrug
🤷‍♀️ woman shrugging
🤷‍♂️ man shrugging
🤸 person cartwheeling|cartwheeling
🤸‍♀️ woman cartwheeling
🤸‍♂️ man cartwheeling
🤹 person juggling|juggling person
🤹‍♀️ woman juggling
🤹‍♂️ man juggling
🤺 person fencing
🤼 people wrestling|wrestling
🤼‍♀️ women wrestling
🤼‍♂️ men wrestling
🤽 person playing water polo|water polo
🤽‍♀️ woman playing water polo
🤽‍♂️ man playing water polo
🤾 person playing handball|handball person
🤾‍♀️ woman playing handball
🤾‍♂️ man playing handball
🤿 diving mask
🥀 wilted flower
🥁 drum
🥂 clinking glasses
🥃 tumbler glass
🥄 spoon
🥅 goal net
🥇 1st place medal
🥈 2nd place medal
🥉 3rd place medal
🥊 boxing glove
🥋 martial arts uniform
🥌 curling stone
🥍 lacrosse
🥎 softball
🥏 flying disc
🥐 croissant
🥑 avocado
🥒 cucumber
🥓 bacon
🥔 potato
🥕 carrot
🥖 baguette bread
🥗 green salad
🥘 shallow pan of food
🥙 stuffed flatbread
🥚 egg|egg2
🥛 glass of milk|milk glass
🥜 peanuts
🥝 kiwi fruit
🥞 pancakes
🥟 dumpling
🥠 fortune cookie
🥡 takeout box
🥢 chopsticks
🥣 bowl with spoon
🥤 cup with straw
🥥 coconut
🥦 broccoli
🥧 pie
🥨 pretzel
🥩 cut of meat
🥪 sandwich
🥫 canned food
🥬 leafy green
🥭 mango
🥮 moon cake
🥯 bagel
🥰 smiling face with hearts|smiling face with three hearts
🥱 yawning face
🥲 smiling face with tear
🥳 partying face
🥴 woozy face
🥵 hot face
🥶 cold face
🥷 ninja
🥸 disguised face
🥹 face holding back tears
🥺 pleading face
🥻 sari
🥼 lab coat
🥽 goggles
🥾 hiking boot
🥿 flat shoe
🦀 crab
🦁 lion|lion face
🦂 scorpion
🦃 turkey
🦄 unicorn|unicorn face
🦅 eagle
🦆 duck
🦇 bat
🦈 shark
🦉 owl
🦊 fox|fox face
🦋 butterfly
🦌 deer
🦍 gorilla|harambe
🦎 lizard
🦏 rhinoceros
🦐 shrimp
🦑 squid
🦒 giraffe
🦓 zebra
🦔 hedgehog
🦕 sauropod
🦖 t-rex|t rex
🦗 cricket
🦘 kangaroo
🦙 llama
🦚 peacock
🦛 hippopotamus
🦜 parrot
🦝 raccoon
🦞 lobster
🦟 mosquito
🦠 microbe
🦡 badger
🦢 swan
🦣 mammoth
🦤 dodo
🦥 sloth
🦦 otter
🦧 orangutan
🦨 skunk
🦩 flamingo
🦪 oyster
🦫 beaver
🦬 bison
🦭 seal
🦮 guide dog
🦯 white cane|probing cane
🦴 bone
🦵 leg
🦶 foot
🦷 tooth
🦸 superhero
🦸‍♀️ woman superhero|superhero woman
🦸‍♂️ man superhero|superhero man
🦹 supervillain
🦹‍♀️ woman supervillain|supervillain woman
🦹‍♂️ man supervillain|supervillain man
🦺 safety vest
🦻 ear with hearing aid
🦼 motorized wheelchair
🦽 manual wheelchair
🦾 mechanical arm
🦿 mechanical leg
🧀 cheese wedge|cheese
🧁 cupcake
🧂 salt
🧃 beverage box
🧄 garlic
🧅 onion
🧆 falafel
🧇 waffle
🧈 butter
🧉 mate
🧊 ice|ice cube
🧋 bubble tea
🧌 troll
🧍 person standing|standing person
🧍‍♀️ woman standing|standing woman
🧍‍♂️ man standing|standing man
🧎 person kneeling|kneeling person
🧎‍♀️ woman kneeling|kneeling woman
🧎‍♀️‍➡️ woman kneeling facing right
🧎‍♂️ man kneeling|kneeling man
🧎‍♂️‍➡️ man kneeling facing right
🧎‍➡️ person kneeling facing right
🧏 deaf person
🧏‍♀️ deaf woman
🧏‍♂️ deaf man
🧐 face with monocle|monocle face
🧑 person|adult
🧑‍⚕️ health worker
🧑‍⚖️ judge
🧑‍✈️ pilot
🧑‍🌾 farmer
🧑‍🍳 cook
🧑‍🍼 person feeding baby
🧑‍🎄 mx claus
🧑‍🎓 student
🧑‍🎤 singer
🧑‍🎨 artist
🧑‍🏫 teacher
🧑‍🏭 factory worker
🧑‍💻 technologist
🧑‍💼 office worker
🧑‍🔧 mechanic
🧑‍🔬 scientist
🧑‍🚀 astronaut
🧑‍🚒 firefighter
🧑‍🤝‍🧑 people holding hands
🧑‍🦯 person with white cane|person with probing cane
🧑‍🦯‍➡️ person with white cane facing right
🧑‍🦰 person red hair
🧑‍🦱 person curly hair
🧑‍🦲 person bald
🧑‍🦳 person white hair
🧑‍🦼 person in motorized wheelchair
🧑‍🦼‍➡️ person in motorized wheelchair facing right
🧑‍🦽 person in manual wheelchair
🧑‍🦽‍➡️ person in manual wheelchair facing right
🧑‍🧑‍🧒 family adult adult child
🧑‍🧑‍🧒‍🧒 family adult adult child child
🧑‍🧒 family adult child
🧑‍🧒‍🧒 family adult child child
🧑‍🩰 ballet dancer
🧒 child
🧓 older person|older adult
🧔 person beard|bearded person
🧔‍♀️ woman beard
🧔‍♂️ man beard
🧕 woman with headscarf
🧖 person in steamy room|sauna person
🧖‍♀️ woman in steamy room|sauna woman
🧖‍♂️ man in steamy room|sauna man
🧗 person climbing|climbing
🧗‍♀️ woman climbing|climbing woman
🧗‍♂️ man climbing|climbing man
🧘 person in lotus position|lotus position
🧘‍♀️ woman in lotus position|lotus position woman
🧘‍♂️ man in lotus position|lotus position man
🧙 mage
🧙‍♀️ woman mage|mage woman
🧙‍♂️ man mage|mage man
🧚 fairy
🧚‍♀️ woman fairy|fairy woman
🧚‍♂️ man fairy|fairy man
🧛 vampire
🧛‍♀️ woman vampire|vampire woman
🧛‍♂️ man vampire|vampire man
🧜 merperson
🧜‍♀️ mermaid
🧜‍♂️ merman
🧝 elf
🧝‍♀️ woman elf|elf woman
🧝‍♂️ man elf|elf man
🧞 genie
🧞‍♀️ woman genie|genie woman
🧞‍♂️ man genie|genie man
🧟 zombie
🧟‍♀️ woman zombie|zombie woman
🧟‍♂️ man zombie|zombie man
🧠 brain
🧡 orange heart
🧢 billed cap
🧣 scarf
🧤 gloves
🧥 coat
🧦 socks
🧧 red envelope
🧨 firecracker
🧩 puzzle piece|jigsaw
🧪 test tube
🧫 petri dish
🧬 dna
🧭 compass
🧮 abacus
🧯 fire extinguisher
🧰 toolbox
🧱 brick|bricks
🧲 magnet
🧳 luggage
🧴 lotion bottle
🧵 thread
🧶 yarn
🧷 safety pin
🧸 teddy bear
🧹 broom
🧺 basket
🧻 roll of paper
🧼 soap
🧽 sponge
🧾 receipt
🧿 nazar amulet
🩰 ballet shoes
🩱 one-piece swimsuit|one piece swimsuit
🩲 briefs|swim brief
🩳 shorts
🩴 thong sandal
🩵 light blue heart
🩶 grey heart
🩷 pink heart
🩸 drop of blood
🩹 adhesive bandage
🩺 stethoscope
🩻 x-ray|x ray
🩼 crutch
🪀 yo-yo|yo yo
🪁 kite
🪂 parachute
🪃 boomerang
🪄 magic wand
🪅 piñata|pinata
🪆 nesting dolls
🪇 maracas
🪈 flute
🪉 harp
🪊 trombone
🪋 meteor
🪌 eraser
🪍 net with handle
🪎 treasure chest
🪏 shovel
🪐 ringed planet
🪑 chair
🪒 razor
🪓 axe
🪔 diya lamp
🪕 banjo
🪖 military helmet
🪗 accordion
🪘 long drum
🪙 coin
🪚 carpentry saw
🪛 screwdriver
🪜 ladder
🪝 hook
🪞 mirror
🪟 window
🪠 plunger
🪡 sewing needle
🪢 knot
🪣 bucket
🪤 mouse trap
🪥 toothbrush
🪦 headstone
🪧 placard
🪨 rock
🪩 mirror ball
🪪 identification card
🪫 low battery
🪬 hamsa
🪭 folding hand fan
🪮 hair pick
🪯 khanda
🪰 fly
🪱 worm
🪲 beetle
🪳 cockroach
🪴 potted plant
🪵 wood
🪶 feather
🪷 lotus
🪸 coral
🪹 empty nest
🪺 nest with eggs
🪻 hyacinth
🪼 jellyfish
🪽 wing
🪾 leafless tree
🪿 goose
🫀 anatomical heart
🫁 lungs
🫂 people hugging
🫃 pregnant man
🫄 pregnant person
🫅 person with crown
🫆 fingerprint
🫈 hairy creature
🫌 monarch butterfly
🫍 orca
🫎 moose
🫏 donkey
🫐 blueberries
🫑 bell pepper
🫒 olive
🫓 flatbread
🫔 tamale
🫕 fondue
🫖 teapot
🫗 pouring liquid
🫘 beans
🫙 jar
🫚 ginger root
🫛 pea pod
🫜 root vegetable
🫝 pickle
🫟 splatter
🫠 melting face
🫡 saluting face
🫢 face with open eyes and hand over mouth
🫣 face with peeking eye
🫤 face with diagonal mouth
🫥 dotted line face
🫦 biting lip
🫧 bubbles
🫨 shaking face
🫩 face with bags under eyes
🫪 distorted face
🫫 cracking face
🫯 fight cloud
🫰 hand with index finger and thumb crossed
🫱 rightwards hand
🫲 leftwards hand
🫳 palm down hand
🫴 palm up hand
🫵 index pointing at the viewer
🫶 heart hands
🫷 leftwards pushing hand
🫸 rightwards pushing hand
🫹 leftwards thumb sign
🫺 rightwards thumb sign
`;
